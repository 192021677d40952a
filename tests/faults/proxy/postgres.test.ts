import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { type Fault, noFault } from './plan.ts'
import { type FaultProxy, startProxy } from './proxy.ts'

let databases: TestPostgres
let proxy: FaultProxy
let direct: Client
let throughProxy: URL

beforeAll(async () => {
  databases = await testPostgres()
  const url = new URL(await databases.database())
  proxy = await startProxy({ target: { host: url.hostname, port: Number(url.port) } })
  throughProxy = new URL(url)
  throughProxy.host = `127.0.0.1:${proxy.port}`
  direct = new Client(url.href)
  await direct.connect()
  await direct.query('create table kept (round int)')
})

beforeEach(() => proxy.use(noFault))

afterAll(async () => {
  await direct.end()
  await proxy.close()
  await databases.stop()
})

/** Sends a whole transaction at once under a fault. Answers how its commit ended. */
async function insert(round: number, fault: Fault): Promise<string> {
  const client = new Client({ connectionString: throughProxy.href, pipeline: true })
  client.on('error', () => {})
  await client.connect()
  proxy.use(fault)
  const statements = ['begin', `insert into kept values (${round})`, 'commit']
  const answers = await Promise.allSettled(statements.map((text) => client.query(text)))
  proxy.use(noFault)
  await client.end()
  const last = answers.at(-1)
  return last?.status === 'fulfilled' ? last.value.command : 'rejected'
}

const backends =
  "select count(*)::int as n from pg_stat_activity where datname = current_database() and backend_type = 'client backend'"

/** The rounds that are in the table once the server is done with all connections but ours. */
async function kept(): Promise<readonly number[]> {
  while ((await direct.query(backends)).rows[0].n > 1);
  return (await direct.query('select round from kept order by round')).rows.map(({ round }) => round)
}

describe('a transaction through the proxy', () => {
  it('is kept, always, where only the replies from COMMIT on are lost', async () => {
    await direct.query('truncate kept')
    const rounds = Array.from({ length: 10 }, (_, round) => round)
    for (const round of rounds)
      expect(await insert(round, { kind: 'dropReply', to: 'commit' })).toBe('rejected')
    expect(await kept()).toEqual(rounds)
  })

  it('is gone where the connection is cut inside COMMIT', async () => {
    await direct.query('truncate kept')
    const begin = 'Qxxxxbegin0'.length
    const insertion = 'Qxxxxinsert into kept values (1)0'.length
    const within = begin + insertion + 'Qxxxxcom'.length
    expect(await insert(1, { kind: 'cut', direction: 'request', after: within })).toBe('rejected')
    expect(await insert(2, noFault)).toBe('COMMIT')
    expect(await kept()).toEqual([2])
  })
})
