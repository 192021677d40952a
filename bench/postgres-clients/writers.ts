import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import postgres from 'postgres'
import { byteaArray, copyStream, int8Array, textArray } from './binary.ts'
import { type Batch, copyMessages, copyOutcomes, insertMessages, insertOutcomes, schema } from './rows.ts'

/** One way to write a batch, all or nothing. */
export interface Writer {
  write(batch: Batch): Promise<void>
  /** The process of the connection in the server. */
  readonly backend: number
  close(): Promise<void>
}

type Connect = (url: string) => Promise<Writer>

const textValues = (batch: Batch) => ({
  messages: [batch.ids, batch.keys, batch.times, batch.bodies],
  outcomes: [batch.ids, batch.outcomes],
})

const binaryValues = (batch: Batch) => {
  const ids = textArray(batch.ids)
  return {
    messages: [ids, textArray(batch.keys), int8Array(batch.times), byteaArray(batch.bodies)],
    outcomes: [ids, byteaArray(batch.outcomes)],
  }
}

type Values = (batch: Batch) => { readonly messages: unknown[]; readonly outcomes: unknown[] }

/** `pg`, awaiting each answer or none before the last. */
const pgWriter =
  (values: Values, pipeline: boolean): Connect =>
  async (url) => {
    const client = new pg.Client({ connectionString: url, pipeline })
    await client.connect()
    for (const statement of schema) await client.query(statement)
    const inOrder = async (batch: Batch) => {
      const { messages, outcomes } = values(batch)
      const steps = [
        () => client.query('begin'),
        () => client.query({ name: 'messages', text: insertMessages, values: messages }),
        () => client.query({ name: 'outcomes', text: insertOutcomes, values: outcomes }),
        () => client.query('commit'),
      ]
      if (!pipeline) {
        for (const step of steps) await step()
        return
      }
      const answers = await Promise.all(steps.map((step) => step()))
      if (answers[3]?.command !== 'COMMIT') throw new Error('rolled back')
    }
    return writer(client, inOrder)
  }

/** `pg` with COPY, which its pipeline refuses. */
const pgCopyWriter: Connect = async (url) => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of schema) await client.query(statement)
  const copy = (statement: string, bytes: Buffer) =>
    new Promise<void>((resolve, reject) => {
      const stream = client.query(copyFrom(statement))
      stream.once('error', reject).once('finish', () => resolve())
      stream.end(bytes)
    })
  return writer(client, async (batch) => {
    await client.query('begin')
    await copy(
      copyMessages,
      copyStream(batch.ids.map((id, at) => [id, batch.keys[at]!, batch.times[at]!, batch.bodies[at]!])),
    )
    await copy(copyOutcomes, copyStream(batch.ids.map((id, at) => [id, batch.outcomes[at]!])))
    await client.query('commit')
  })
}

async function writer(client: pg.Client, write: (batch: Batch) => Promise<void>): Promise<Writer> {
  const { rows } = await client.query('select pg_backend_pid() as pid')
  return { write, backend: rows[0].pid, close: () => client.end() }
}

/** `postgres`, by its own `begin` or on a reserved connection without awaiting before the last. */
const postgresJs =
  (pipeline: boolean): Connect =>
  async (url) => {
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    for (const statement of schema) await sql.unsafe(statement)
    const [row] = await sql`select pg_backend_pid() as pid`
    const inserts = (on: Pick<postgres.Sql, 'unsafe'>, batch: Batch) => {
      const ids = sql.array([...batch.ids], 25)
      const messages = [
        ids,
        sql.array([...batch.keys], 25),
        sql.array(batch.times.map(String), 20),
        sql.array([...batch.bodies], 17),
      ]
      const outcomes = [ids, sql.array([...batch.outcomes], 17)]
      return [
        on.unsafe(insertMessages, messages as never[], { prepare: true }),
        on.unsafe(insertOutcomes, outcomes as never[], { prepare: true }),
      ]
    }
    const reserved = pipeline ? await sql.reserve() : null
    return {
      backend: row!['pid'],
      async write(batch) {
        if (reserved === null) {
          await sql.begin((tx) => inserts(tx, batch))
          return
        }
        await Promise.all(
          [reserved.unsafe('begin'), ...inserts(reserved, batch), reserved.unsafe('commit')].map((query) =>
            query.execute(),
          ),
        )
      },
      async close() {
        reserved?.release()
        await sql.end()
      },
    }
  }

/** All that is measured, by name. */
export const writers: Readonly<Record<string, Connect>> = {
  'pg text': pgWriter(textValues, false),
  'pg binary': pgWriter(binaryValues, false),
  'pg text pipeline': pgWriter(textValues, true),
  'pg binary pipeline': pgWriter(binaryValues, true),
  'pg copy': pgCopyWriter,
  'postgres begin': postgresJs(false),
  'postgres pipeline': postgresJs(true),
}
