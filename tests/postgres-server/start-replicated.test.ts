import { Client } from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { type Replicated, startReplicated } from './start-replicated.ts'

let pair: Replicated | null = null

afterEach(async () => {
  await pair?.stop()
  pair = null
})

async function ask(url: string, question: string): Promise<unknown> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query({ text: question, rowMode: 'array' })).rows[0]?.[0]
  } finally {
    await client.end()
  }
}

const count = 'select count(*)::int from kept'

describe('startReplicated', () => {
  it('has each commit on the standby before it is answered, through promotion after promotion', async () => {
    pair = await startReplicated()
    await ask(pair.primary.url, 'create table kept (id int)')
    for (const round of [1, 2, 3]) {
      await ask(pair.primary.url, `insert into kept values (${round})`)
      expect(pair.standby).not.toBeNull()
      await expect(ask(pair.standby!.url, 'insert into kept values (0)')).rejects.toThrow(
        'cannot execute INSERT in a read-only transaction',
      )
      const promoted = await pair.promote()
      expect(pair.primary).toBe(promoted)
      expect(await ask(promoted.url, count)).toBe(round)
      await pair.renew()
    }
    await pair.primary.restart()
    expect(await ask(pair.primary.url, count)).toBe(3)
  })

  it('does not answer a commit that the standby does not have', async () => {
    pair = await startReplicated()
    const { primary, standby } = pair
    await ask(primary.url, 'create table kept (id int)')
    standby?.suspend()
    const waiting = new Client({ connectionString: primary.url, statement_timeout: 0 })
    await waiting.connect()
    let answered = false
    const commit = waiting.query('insert into kept values (1)').then(() => {
      answered = true
    })
    const question = "select count(*)::int from pg_stat_activity where wait_event = 'SyncRep'"
    while ((await ask(primary.url, question)) === 0);
    expect(answered).toBe(false)
    standby?.resume()
    await commit
    await waiting.end()
  })

  it('leaves an old primary that lives on unable to commit', async () => {
    pair = await startReplicated()
    const old = pair.primary
    await ask(old.url, 'create table kept (id int)')
    const promoted = await pair.promote('keep')
    const client = new Client(old.url)
    client.on('error', () => {})
    await client.connect()
    const lost = client.query('insert into kept values (1)').catch((error: Error) => error.message)
    const question = "select count(*)::int from pg_stat_activity where wait_event = 'SyncRep'"
    while ((await ask(old.url, question)) === 0);
    expect(await ask(promoted.url, count)).toBe(0)
    await pair.stop()
    expect(await lost).toMatch(/terminat|reset/i)
  })

  it('has nothing to promote twice', async () => {
    pair = await startReplicated()
    await pair.promote('suspend')
    await expect(pair.promote()).rejects.toThrow('There is no standby to promote. Call renew() first.')
  })
})
