/** What clients say when connections break at the worst moment. `node failures.ts`, after `npm install` in this folder. */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import postgres from 'postgres'
import { type FaultProxy, startProxy } from '../../tests/faults/proxy/proxy.ts'
import { type PostgresServer, startPostgres } from '../../tests/postgres-server/start-postgres.ts'

/** A connection by either client; `transaction` sends all without waiting. */
interface Connection {
  readonly name: string
  query(text: string, name?: string): Promise<readonly unknown[]>
  /** Queries on one session of the server, as for a transaction whose statements are awaited. */
  hold(): Promise<(text: string) => Promise<readonly unknown[]>>
  transaction(statements: readonly string[]): Promise<readonly PromiseSettledResult<unknown>[]>
  end(): Promise<void>
}

const stray: string[] = []
process.on('uncaughtException', (error) => stray.push(`uncaught ${error.message}`))
process.on('unhandledRejection', (error) => stray.push(`unhandled ${String(error)}`))

async function byPg(url: string): Promise<Connection> {
  const client = new pg.Client({
    connectionString: url,
    pipeline: true,
    query_timeout: 2_000,
  })
  client.on('error', (error) => stray.push(`event: ${error.message}`))
  await client.connect()
  return {
    name: 'pg',
    async query(text, name) {
      return (await client.query({ text, ...(name === undefined ? {} : { name }) })).rows
    },
    hold: async () => async (text) => (await client.query(text)).rows,
    transaction: (statements) =>
      Promise.allSettled(
        ['begin', ...statements, 'commit'].map(async (text) => (await client.query(text)).command),
      ),
    end: () => client.end(),
  }
}

async function byPostgresJs(url: string): Promise<Connection> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql`select 1`
  return {
    name: 'postgres',
    query: (text, name) => sql.unsafe(text, [], { prepare: name !== undefined }),
    async hold() {
      const reserved = await sql.reserve()
      return (text) => reserved.unsafe(text)
    },
    async transaction(statements) {
      const reserved = await sql.reserve()
      const asked = ['begin', ...statements, 'commit'].map(
        async (text) => (await reserved.unsafe(text)).command,
      )
      const answers = await Promise.allSettled(asked)
      reserved.release()
      return answers
    },
    end: () => sql.end({ timeout: 1 }),
  }
}

const within = <T>(promise: Promise<T>, ms: number): Promise<T | 'no answer'> =>
  Promise.race([promise, pause(ms, 'no answer' as const, { ref: false })])

function told(answers: readonly PromiseSettledResult<unknown>[] | 'no answer'): string {
  if (answers === 'no answer') return answers
  return answers
    .map((one) => (one.status === 'fulfilled' ? String(one.value) : saidBy(one.reason)))
    .join(' | ')
}

const saidBy = (error: { code?: string; message?: string }) => `${error.code ?? '-'} ${error.message}`

const attempt = async (asked: Promise<unknown>): Promise<string> =>
  within(
    asked.then((rows) => JSON.stringify(rows)),
    3_000,
  ).catch(saidBy)

type Case = (
  connection: Connection,
  tools: { readonly proxy: FaultProxy; readonly server: PostgresServer; readonly other: pg.Client },
) => Promise<string>

const insert = "insert into kept values ('x')"

const cases: Readonly<Record<string, Case>> = {
  'an insert fails inside a pipelined transaction': async (connection) =>
    told(await connection.transaction([insert, 'select 1/0', insert])),
  'the reply to COMMIT is lost': async (connection, { proxy, other }) => {
    await other.query('truncate kept')
    proxy.use({ kind: 'dropReply', to: 'commit' })
    const answers = await within(connection.transaction([insert]), 3_000)
    proxy.use({ kind: 'none' })
    await pause(50)
    const { rows } = await other.query('select count(*)::int as kept from kept')
    return `${told(answers)}; kept ${rows[0].kept}; then ${await attempt(connection.query('select 1 as one'))}`
  },
  'the backend is terminated between two statements of a transaction': async (connection, { other }) => {
    await other.query('truncate kept')
    const query = await connection.hold()
    const pid = ((await query('select pg_backend_pid() as pid')) as { pid: number }[])[0]?.pid
    await query('begin')
    await other.query('select pg_terminate_backend($1)', [pid])
    await pause(100)
    const inserted = await attempt(query(insert))
    const committed = await attempt(query('commit'))
    const { rows } = await other.query('select count(*)::int as kept from kept')
    return `insert: ${inserted}; commit: ${committed}; kept ${rows[0].kept}`
  },
  'the network goes silent': async (connection, { proxy }) => {
    proxy.use({ kind: 'halfOpen' })
    const answer = await attempt(connection.query('select 1'))
    proxy.use({ kind: 'reset' })
    return answer
  },
  'the server is killed and comes back': async (connection, { server }) => {
    const running = attempt(connection.query('select pg_sleep(1)'))
    await pause(50)
    await server.kill9()
    await server.restart()
    return `${await running}; then ${await attempt(connection.query('select 1 as one'))}`
  },
  'a statement times out in a pipelined transaction': async (connection) =>
    told(await connection.transaction(["set local statement_timeout = '50ms'", 'select pg_sleep(1)'])),
  'a big integer, bytes, a time': async (connection) => {
    const rows = await connection.query(
      "select 9007199254740993::bigint as i, '\\x00ff'::bytea as b, now() as t",
    )
    const [row] = rows as Record<string, unknown>[]
    return Object.values(row ?? {})
      .map((value) =>
        value === null ? 'null' : typeof value === 'object' ? value.constructor.name : typeof value,
      )
      .join(', ')
  },
}

for (const [title, run] of Object.entries(cases)) {
  console.log(`\n${title}`)
  for (const connect of [byPg, byPostgresJs]) {
    const server = await startPostgres()
    const proxy = await startProxy({ target: { port: server.port } })
    const other = new pg.Client(server.url)
    other.on('error', () => {})
    await other.connect()
    await other.query('create table kept (id text)')
    const connection = await connect(server.url.replace(String(server.port), String(proxy.port)))
    stray.length = 0
    const outcome = await run(connection, { proxy, server, other }).catch(saidBy)
    await pause(50)
    console.log(
      `  ${connection.name.padEnd(9)} ${outcome}${stray.length > 0 ? `\n${''.padEnd(12)}stray: ${stray.join('; ')}` : ''}`,
    )
    await within(
      connection.end().catch(() => {}),
      1_500,
    )
    await other.end().catch(() => {})
    await proxy.close()
    await server.stop()
  }
}
process.exit()
