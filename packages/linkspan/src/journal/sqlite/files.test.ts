import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { openOwner, ownerOf, seqs } from '../../testing/journal-suite/harness.ts'
import { freshJournal } from './fixtures/fresh-journal.ts'
import { copyJournal, freshEnvironment } from './fixtures/rig.ts'
import { markPath, readMark } from './high-water-mark.ts'
import { APPLICATION_ID, MIGRATIONS } from './schema.ts'
import { sqlite, sqliteWith } from './sqlite.ts'

const fresh = freshJournal()

const rig = (factory = sqlite('hub.db')) => ({
  factory,
  environment: fresh.environment,
  crash: async () => {},
  dispose: async () => {},
})
const open = () => sqlite('hub.db').open(fresh.environment)
const error = (code: string, ...texts: string[]) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(texts.join('.*'), 's')) })
const contents = () =>
  readdirSync(fresh.environment.directory).map((name) => [
    name,
    readFileSync(join(fresh.environment.directory, name)).toString('base64'),
  ])

test('a journal opens whose first start lost its power while SQLite made it one with a write-ahead log', async () => {
  const path = join(fresh.environment.directory, 'hub.db')
  const made = new DatabaseSync(path)
  made.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL')
  made.close()
  // The rollback journal as it was before: of a database without a page.
  const journal = Buffer.alloc(512)
  journal.set(Buffer.from('d9d505f920a163d7', 'hex'))
  journal.writeUInt32BE(512, 20)
  journal.writeUInt32BE(8_192, 24)
  writeFileSync(`${path}-journal`, journal)
  const opened = await open()
  const owner = ownerOf(opened)
  await owner.accept({})
  expect(opened.opened).toMatchObject({ crashed: false, lastSeq: 0 })
  await opened.close()
})

describe.skipIf(process.platform === 'win32')('the files of a journal', () => {
  const modes = () =>
    readdirSync(fresh.environment.directory).map((name) => [
      name,
      (statSync(join(fresh.environment.directory, name)).mode & 0o777).toString(8),
    ])

  test('can be read by their owner alone, whatever the umask says', async () => {
    const journal = await open()
    const owner = ownerOf(journal)
    await owner.accept({})
    await journal.history.backup('copy.db', () => {})
    const files = ['copy.db', 'hub.db', 'hub.db-lock', 'hub.db-mark', 'hub.db-shm', 'hub.db-wal']
    expect(
      modes()
        .filter(([name]) => files.includes(name as string))
        .toSorted(),
    ).toEqual(files.map((name) => [name, '600']))
    await journal.close()
  })

  test('keep the rights that somebody gave them', async () => {
    await (await open()).close()
    chmodSync(join(fresh.environment.directory, 'hub.db'), 0o640)
    await (await open()).close()
    expect(modes()).toContainEqual(['hub.db', '640'])
  })

  test('are copied over no file, which stays what it is', async () => {
    const journal = await open()
    writeFileSync(join(fresh.environment.directory, 'copy.db'), 'mine')
    await expect(journal.history.backup('copy.db', () => {})).rejects.toEqual(
      error('JOURNAL_FAILED', 'already'),
    )
    expect(readFileSync(join(fresh.environment.directory, 'copy.db'), 'utf8')).toBe('mine')
    await journal.close()
  })
})

describe('a journal file', () => {
  test('is made with its folders and says what it is', async () => {
    const journal = await sqlite('some/where/hub.db').open(fresh.environment)
    await journal.close()
    const db = new DatabaseSync(join(fresh.environment.directory, 'some/where/hub.db'), { readOnly: true })
    expect(db.prepare('PRAGMA application_id').get()).toEqual({ application_id: APPLICATION_ID })
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    db.close()
  })

  test.runIf(existsSync('/proc/self'))('is refused where no folder can be made', async () => {
    await expect(sqlite('/proc/linkspan/hub.db').open(fresh.environment)).rejects.toThrow('/proc/linkspan')
  })

  test('of another program is refused and left alone', async () => {
    const db = new DatabaseSync(fresh.path)
    db.exec('CREATE TABLE theirs (a)')
    db.close()
    const before = readFileSync(fresh.path)
    await expect(open()).rejects.toEqual(error('JOURNAL_FOREIGN', 'hub.db'))
    expect(readFileSync(fresh.path)).toEqual(before)
  })

  test('that is no database is refused and left alone', async () => {
    writeFileSync(fresh.path, 'Dear diary, '.repeat(500))
    await expect(open()).rejects.toEqual(error('JOURNAL_FOREIGN'))
    expect(readFileSync(fresh.path, 'utf8')).toBe('Dear diary, '.repeat(500))
    await expect(sqlite('hub.db').openForReading(fresh.environment)).rejects.toEqual(error('JOURNAL_FOREIGN'))
  })

  test('of ours that no longer looks like it is damaged, not another program’s', async () => {
    await (await open()).close()
    writeFileSync(fresh.path, 'x'.repeat(20_000))
    await expect(open()).rejects.toEqual(error('JOURNAL_DAMAGED'))
  })

  test('of a newer version is refused', async () => {
    await (await open()).close()
    const db = new DatabaseSync(fresh.path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    await expect(open()).rejects.toEqual(error('JOURNAL_NEWER', '99', String(MIGRATIONS.length)))
    await expect(sqlite('hub.db').openForReading(fresh.environment)).rejects.toEqual(error('JOURNAL_NEWER'))
  })

  test('of an older version is brought up to date, and then refused by the older code', async () => {
    const owner = await openOwner(rig())
    await owner.accept({ key: 'k' })
    await owner.journal.close()
    const migrations = [
      ...MIGRATIONS,
      (db: DatabaseSync) => db.exec('CREATE TABLE added (a); INSERT INTO added VALUES (7)'),
    ]
    const newer = () => sqliteWith('hub.db', {}, { migrations })
    await expect(newer().openForReading(fresh.environment)).rejects.toEqual(
      error('JOURNAL_FAILED', 'old format version 1'),
    )
    const again = await newer().open(fresh.environment)
    expect(seqs(await again.history.query({ limit: 5 }))).toEqual([1])
    await again.close()
    const db = new DatabaseSync(fresh.path, { readOnly: true })
    expect(db.prepare('SELECT a FROM added').get()).toEqual({ a: 7 })
    db.close()
    await expect(open()).rejects.toEqual(error('JOURNAL_NEWER', 'version 2'))
  })

  test.each([
    [
      'lacks a column',
      'DROP INDEX waits_by_group; ALTER TABLE waits DROP COLUMN kin',
      '"waits" in it is not what',
    ],
    ['lacks an index', 'DROP INDEX waits_by_time', 'it lacks "waits_by_time"'],
    ['lacks a table', 'DROP TABLE families', 'it lacks "families"'],
  ])('of another build of this version, which %s, is refused and left alone', async (_what, sql, says) => {
    await (await open()).close()
    const db = new DatabaseSync(fresh.path)
    db.exec(sql)
    db.close()
    const before = readFileSync(fresh.path)
    const refused = error('JOURNAL_FAILED', 'format version 1', says, 'Run the build that made it')
    await expect(open()).rejects.toEqual(refused)
    await expect(sqlite('hub.db').openForReading(fresh.environment)).rejects.toEqual(refused)
    expect(readFileSync(fresh.path)).toEqual(before)
  })

  test('to which somebody added a table and an index is opened all the same', async () => {
    await (await open()).close()
    const db = new DatabaseSync(fresh.path)
    db.exec('CREATE TABLE notes (a); CREATE INDEX mine ON messages (accepted_at); ANALYZE')
    db.close()
    await (await open()).close()
  })

  test('keeps its version when a migration fails', async () => {
    await (await open()).close()
    const fail = (db: DatabaseSync): void => {
      db.exec('CREATE TABLE half (a)')
      throw new Error('out of ideas')
    }
    await expect(
      sqliteWith('hub.db', {}, { migrations: [...MIGRATIONS, fail] }).open(fresh.environment),
    ).rejects.toThrow('out of ideas')
    await (await open()).close()
  })

  test('that is not there cannot be read', async () => {
    await expect(sqlite('hub.db').openForReading(fresh.environment)).rejects.toEqual(
      error('JOURNAL_FAILED', 'no journal'),
    )
    expect(existsSync(fresh.path)).toBe(false)
  })

  test('is owned by one process, which is named', async () => {
    const child = fork(
      new URL('./fixtures/owner-process.ts', import.meta.url),
      [fresh.environment.directory],
      { execArgv: [] },
    )
    try {
      await once(child, 'message')
      await expect(open()).rejects.toEqual(error('JOURNAL_IN_USE', String(child.pid)))
      const reader = await sqlite('hub.db').openForReading(fresh.environment)
      expect(reader.opened.crashed).toBe(true)
      await reader.close()
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const journal = await open()
    expect(journal.opened.crashed).toBe(true)
    await journal.close()
  })

  test('is copied whole while it is written to', async () => {
    const owner = await openOwner(rig())
    await owner.accept(
      ...Array.from({ length: 3000 }, (_, i) => ({ body: new Uint8Array(1000), key: `${i}` })),
    )
    let writing = true
    const writer = (async () => {
      while (writing) {
        await owner.accept({})
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await owner.journal.history.backup('copy.db', () => {})
    writing = false
    await writer
    await owner.journal.close()
    const copy = await sqlite('copy.db').open(fresh.environment)
    expect(copy.opened.lastSeq).toBeGreaterThanOrEqual(3000)
    expect((await copy.history.query({ limit: 10_000 })).length).toBe(copy.opened.lastSeq)
    expect(await copy.history.verify(() => {})).toEqual([])
    await copy.close()
  })
})

describe('the mark of how far a journal had come', () => {
  const someCommits = async (count: number): Promise<void> => {
    const owner = await openOwner(rig())
    for (let i = 0; i < count; i++) await owner.accept({})
    await owner.journal.close()
  }

  test('follows each commit', async () => {
    const owner = await openOwner(rig())
    expect(readMark(fresh.path)).toMatchObject({ commits: 0, lastSeq: 0 })
    await owner.accept({}, {})
    expect(readMark(fresh.path)).toMatchObject({ commits: 1, lastSeq: 2 })
    await owner.accept({})
    expect(readMark(fresh.path)).toMatchObject({ commits: 2, lastSeq: 3 })
    await owner.journal.close()
  })

  test('shows a lost write-ahead log; nothing is changed, and it can still be read', async () => {
    const owner = await openOwner(rig())
    await owner.accept({})
    const crashed = freshEnvironment()
    copyJournal(fresh.environment.directory, crashed.environment.directory)
    await owner.accept({}, {})
    copyFileSync(markPath(fresh.path), markPath(join(crashed.environment.directory, 'hub.db')))
    await owner.journal.close()
    fresh.moveTo(crashed)

    const before = contents().filter(([name]) => !name?.endsWith('-lock') && !name?.endsWith('-shm'))
    await expect(open()).rejects.toEqual(error('JOURNAL_TAIL_LOST', 'message 1', 'message 3', 'acceptLoss'))
    expect(contents().filter(([name]) => !name?.endsWith('-lock') && !name?.endsWith('-shm'))).toEqual(before)
    const reader = await sqlite('hub.db').openForReading(fresh.environment)
    expect(seqs(await reader.history.query({ limit: 5 }))).toEqual([1])
    await reader.close()

    const accepted = ownerOf(await sqlite('hub.db', { acceptLoss: true }).open(fresh.environment))
    expect(fresh.lines.map(([, event]) => event)).toContain('journal.tail-lost')
    expect(await accepted.accept({})).toEqual([2])
    await accepted.journal.close()
    await (await open()).close()
  })

  test('shows that an older copy was put in the journal’s place', async () => {
    await someCommits(2)
    copyFileSync(fresh.path, `${fresh.path}.old`)
    await someCommits(3)
    renameSync(`${fresh.path}.old`, fresh.path)
    await expect(open()).rejects.toEqual(error('JOURNAL_TAIL_LOST', 'commit 2', 'commit 5'))
  })

  test('shows that the journal is gone, or is another one', async () => {
    await someCommits(2)
    renameSync(fresh.path, `${fresh.path}.away`)
    await expect(open()).rejects.toEqual(error('JOURNAL_TAIL_LOST', 'empty'))
    expect(existsSync(fresh.path)).toBe(false)
    const other = await sqlite('other.db').open(fresh.environment)
    await other.close()
    copyFileSync(join(fresh.environment.directory, 'other.db'), fresh.path)
    await expect(open()).rejects.toEqual(error('JOURNAL_TAIL_LOST', 'another journal'))
  })

  test('may lag behind or be missing: the database is ahead of it then', async () => {
    await someCommits(2)
    const old = readFileSync(markPath(fresh.path))
    await someCommits(2)
    writeFileSync(markPath(fresh.path), old)
    await (await open()).close()
    rmSync(markPath(fresh.path))
    await (await open()).close()
    expect(readMark(fresh.path)).toMatchObject({ commits: 4, lastSeq: 4 })
  })

  test('survives a torn write of itself, and is missed aloud when it cannot be read', async () => {
    await someCommits(3)
    const torn = readFileSync(markPath(fresh.path))
    const newest = readMark(fresh.path)
    torn[10] = (torn[10] as number) ^ 1
    torn[74] = (torn[74] as number) ^ 1
    writeFileSync(markPath(fresh.path), torn)
    expect(newest).toMatchObject({ commits: 3 })
    expect(readMark(fresh.path)).toBe(null)
    await (await open()).close()
    expect(fresh.lines.map(([, event]) => event)).toContain('journal.mark-unreadable')
  })
})
