import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { virtualClock } from '../fixtures/world.ts'
import { ask, connect, marked } from './fixtures/database.ts'
import { operationsSuite } from './fixtures/operations-suite.ts'
import { sourcesSuite } from './fixtures/sources-suite.ts'
import { onSqlite } from './fixtures/sqlite.ts'
import { sql } from './sql.ts'
import { sqlConnection } from './sql-connection.ts'
import { sqliteDatabase } from './sqlite-driver.ts'

operationsSuite('SQLite', onSqlite)
sourcesSuite('SQLite', onSqlite)

describe('an SQLite database', () => {
  let database: Awaited<ReturnType<typeof onSqlite>>
  beforeEach(async () => {
    database = await onSqlite()
  })
  afterEach(() => database.remove())

  const add = () =>
    sqlConnection('db').execute({
      name: 'add',
      statement: (id: string) => sql`insert into items (id) values (${id})`,
    })

  it('that others have locked is waited for without holding up anything else, and then tried later', async () => {
    const clock = virtualClock('2026-01-01T00:00:00Z')
    const client = await connect({ ...database.config, lockTimeout: '2s' }, { clock })
    await ask(client, 'create table items (id text primary key)')
    const other = new DatabaseSync(database.path)
    const patient = add()
    await patient.run(client, 'first', marked('m-0'))
    other.exec('begin immediate')
    const waiting = patient.run(client, 'a', marked('m-1'))
    await clock.advance(1_000)
    other.exec('commit')
    await clock.advance(100)
    expect(await waiting).toMatchObject({ changes: 1 })
    other.exec('begin immediate')
    const hopeless = patient.run(client, 'b', marked('m-2')).catch((error: unknown) => error)
    await clock.advance(2_100)
    expect(await hopeless).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
      details: { state: '5' },
    })
    other.exec('rollback')
    other.close()
    expect(await ask(client, 'select id from items order by id')).toEqual([{ id: 'a' }, { id: 'first' }])
    await client.close()
  })

  it('of the application is shared, never inside its own transaction, and left open', async () => {
    const own = new DatabaseSync(database.path)
    own.exec('create table items (id text primary key)')
    const clock = virtualClock('2026-01-01T00:00:00Z')
    const client = await connect({ driver: sqliteDatabase(own) }, { clock })
    const insert = add()
    own.exec('begin')
    own.exec("insert into items (id) values ('mine')")
    const waiting = insert.run(client, 'yours', marked('m-1'))
    await clock.advance(50)
    own.exec('rollback')
    await clock.advance(50)
    await waiting
    await client.close()
    expect(own.prepare('select id from items').all()).toEqual([{ id: 'yours' }])
    own.close()
  })

  it('keeps whole numbers exact, and bytes as base64', async () => {
    const client = await connect(database.config)
    const [row] = await ask(
      client,
      "select 9007199254740993 as large, 42 as small, 1.5 as real, x'00ff' as bytes, null as nil",
    )
    expect(row).toEqual({ large: '9007199254740993', small: 42, real: 1.5, bytes: 'AP8=', nil: null })
    await client.close()
  })

  it('is told that the connection is closed', async () => {
    const client = await connect(database.config)
    await ask(client, 'create table items (id text primary key)')
    await client.close()
    await expect(add().run(client, 'a', marked('m'))).rejects.toMatchObject({ applied: 'no', retry: 'later' })
  })
})
