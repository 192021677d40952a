import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { rootId } from '../../../packages/linkspan/src/model/message-id.ts'
import {
  bytes,
  childOf,
  ending,
  type Owner,
  ownerOf,
  range,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { databasePerTest } from './databases.ts'
import { begun, expireLeases } from './rig.ts'

const database = databasePerTest()
let journal: Journal
let owner: Owner

beforeEach(async () => {
  journal = await database.open({ volumeSize: 10 })
  owner = ownerOf(journal)
})

/** Something of everything, with what is awkward in a text, and a volume that was dropped. */
async function live(): Promise<void> {
  const awkward = ['a\tb\nc\\d', '\u0000\u0001', "'; --", '\\N', '\\.', 'über 🗻']
  const [root = 0] = await owner.accept({ token: 'rootrootroot' })
  await owner.accept(
    ...awkward.map((key, i) => ({ key, headers: { h: key }, ready: i > 2, index: { [key]: key } })),
    childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 'split', 0),
    ...range(1, 30).map(() => ({ body: bytes('x'.repeat(100_000)) })),
  )
  await owner.commit({
    settle: range(10, 38).map((seq) =>
      ending(seq, { frame: bytes('\\x00\n'), reason: awkward[0] as string }),
    ),
    records: [{ seq: root, n: 0, frame: new Uint8Array([0, 10, 92, 255]) }],
    waits: [wait(2, { key: 'k', reason: 'delay', wakeAt: 5 })],
    state: awkward.map((key) => ({ scope: 's', key, value: bytes(key), until: null })),
    cursors: [{ name: 'c', value: awkward.join('') }],
    lowWater: 1,
  })
}

async function readAll(of: Journal): Promise<unknown> {
  return {
    messages: await of.messages.load(range(1, 100)),
    state: await of.state.list('s', '', 100),
    cursor: await of.cursors.get('c'),
    totals: await of.history.totals(),
    waits: await of.backlog.count(),
    found: await of.history.query({ index: { '\\N': '\\N' }, limit: 10 }),
    open: await of.messages.openChildren(1, 'split'),
  }
}

/** Does what `psql` does with such a file, which need not be there: statements, and rows for each COPY. */
async function restore(file: string, target: string): Promise<void> {
  const client = new Client(target)
  await client.connect()
  const text = readFileSync(file, 'utf8')
  let from = 0
  for (const { index, 0: copy } of text.matchAll(/^COPY .* FROM stdin;\n/gm)) {
    if (index < from) continue
    await client.query(text.slice(from, index))
    const end = text.indexOf('\\.\n', index + copy.length - 1)
    const start = index + copy.length
    const last = text.startsWith('\\.\n', start) ? start : text.indexOf('\n\\.\n', start) + 1
    await copyIn(client, copy.trim(), text.slice(start, last))
    from = last + 3
    expect(end).toBeGreaterThan(0)
  }
  await client.query(text.slice(from))
  await client.end()
}

interface Wire {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

function copyIn(client: Client, text: string, rows: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | null = null
    client.query({
      submit: (wire: Wire) => wire.query(text),
      handleCopyInResponse: (wire: Wire) => {
        wire.sendCopyFromChunk(Buffer.from(rows))
        wire.endCopyFrom()
      },
      handleCommandComplete: () => {},
      handleError: (error: Error) => {
        failure = error
        reject(error)
      },
      handleReadyForQuery: () => failure ?? resolve(),
    } as never)
  })
}

describe('a copy', () => {
  it('is a script that makes the same journal elsewhere, as of one moment, while its owner writes', async () => {
    await live()
    const before = await readAll(journal)
    let later = 0
    await journal.history.backup('copy.sql', () => {
      if (later++ === 0) void owner.accept({ key: 'too late' })
    })
    const file = join(database.environment.directory, 'copy.sql')
    const target = await database.another()
    await restore(file, target)
    await expireLeases(target)
    const restored = await begun(postgres({ url: target, volumeSize: 10 }).open(database.environment))
    expect(restored.opened).toMatchObject({ crashed: true, lastSeq: 38, historySize: 29 })
    expect(await readAll(restored)).toEqual(before)
    expect(await restored.history.verify(() => {})).toEqual([])
    expect(await ownerOf(restored).accept(...range(1, 30).map(() => ({})))).toEqual(range(39, 68))
    expect(await restored.history.verify(() => {})).toEqual([])
    await restored.close()
  })

  it.skipIf(spawnSync('psql', ['--version']).status !== 0)(
    'is restored by psql (skipped without it)',
    async () => {
      await live()
      const before = await readAll(journal)
      await journal.history.backup('copy.sql', () => {})
      const target = await database.another()
      const file = join(database.environment.directory, 'copy.sql')
      const ran = spawnSync('psql', ['--quiet', '--set', 'ON_ERROR_STOP=1', '--file', file, target], {
        encoding: 'utf8',
      })
      expect(ran.stderr).toBe('')
      const restored = await postgres({ url: target }).openForReading(database.environment)
      expect(await readAll(restored)).toEqual(before)
      await restored.close()
    },
  )

  it('that cannot be finished is not left behind', async () => {
    await live()
    await database.ask('DROP TABLE linkspan.cursors')
    await expect(journal.history.backup('copy.sql', () => {})).rejects.toMatchObject({
      code: 'JOURNAL_FAILED',
    })
    expect(existsSync(join(database.environment.directory, 'copy.sql'))).toBe(false)
    writeFileSync(join(database.environment.directory, 'mine.sql'), 'mine')
    await expect(journal.history.backup('mine.sql', () => {})).rejects.toThrow('Give the copy a new name')
    expect(readFileSync(join(database.environment.directory, 'mine.sql'), 'utf8')).toBe('mine')
  })

  it('is written by one of two that are begun at once, for its owner alone to read', async () => {
    await live()
    const both = await Promise.allSettled([1, 2].map(() => journal.history.backup('copy.sql', () => {})))
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const copy = join(database.environment.directory, 'copy.sql')
    expect(readFileSync(copy, 'utf8')).toMatch(/COMMIT;\n$/)
    expect((statSync(copy).mode & 0o777).toString(8)).toBe('600')
  })
})
