import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLinkspanError } from '../../model/errors.ts'
import { ending, type Owner, openOwner, range, wait } from '../../testing/journal-suite/harness.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { open, seal } from '../envelope.ts'
import type { Journal, StoredMessage } from '../journal.ts'
import { flipBit } from './fixtures/flip-bit.ts'
import { copyJournal, freshEnvironment } from './fixtures/rig.ts'
import { sqlite } from './sqlite.ts'
import { verifyFile } from './verify.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const FLIPS = 120

/** A crashed journal with something of everything, half of it still in the write-ahead log. */
const crashed = freshEnvironment()
let truth: string

async function fill({ journal, accept, commit }: Owner): Promise<void> {
  await accept(
    ...range(1, 40).map((i) => ({
      key: `key-${i % 7}`,
      token: `token${i}`,
      flow: `flow-${i % 3}`,
      headers: { n: `${i}` },
      ready: i % 4 === 0,
      index: i % 5 === 0 ? { number: `${i}` } : null,
      dedupe: i % 6 === 0 ? { scope: 'hook', key: `delivery-${i}`, until: 9e9 } : null,
      body: seal(Buffer.alloc(i === 9 ? 70_000 : 400, i), `body ${i}`),
    })),
  )
  await commit({
    records: [1, 2, 3].map((seq) => ({ seq, n: 0, frame: seal(Buffer.alloc(300, seq), `${seq}:0`) })),
    settle: [5, 6, 7, 9, 10, 11].map((seq) =>
      ending(seq, {
        ending: seq % 2 ? 'done' : 'dead',
        frame: seal(Buffer.alloc(100, seq), `${seq}:0`),
        reason: 'why',
      }),
    ),
    waits: [1, 2].map((seq) =>
      wait(seq, { flow: `flow-${seq % 3}`, key: `key-${seq % 7}`, reason: 'retry', wakeAt: seq, hold: true }),
    ),
    state: range(1, 10).map((i) => ({ scope: 's', key: `${i}`, value: Buffer.alloc(50, i), until: null })),
    cursors: [{ name: 'poll', value: 'page-12' }],
    lowWater: 1,
  })
  await journal.history.stats()
}

/** Everything that can be read of a journal, as text. */
async function readAll(journal: Journal): Promise<string> {
  const { messages, backlog, history, state, cursors, opened } = journal
  const flows = ['flow-0', 'flow-1', 'flow-2']
  const sealedWell = ({ seq, body }: StoredMessage): string => {
    if (body === null) return `body of ${seq} lost`
    try {
      return Buffer.from(open(body, seq <= 40 ? `body ${seq}` : 'late').payload).toString('hex')
    } catch {
      return `body of ${seq} refused`
    }
  }
  const all = [
    opened,
    (await messages.load(range(1, opened.lastSeq))).map((found) => ({ ...found, body: sealedWell(found) })),
    await backlog.unsettled(0, 100),
    await Promise.all(flows.map((flow) => backlog.page(flow, 0, 100))),
    await Promise.all(flows.map((flow) => backlog.pageOfHolders(flow, 0, 100))),
    await Promise.all(flows.map((flow) => backlog.due(flow, 1e6, 100))),
    await backlog.held(null, 100),
    await history.query({ limit: 100, endings: ['dead'] }),
    await history.query({ limit: 100, index: { number: '20' } }),
    await history.totals(),
    await state.list('s', '', 100),
    await cursors.get('poll'),
  ]
  return JSON.stringify(all, (_name, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
}

beforeAll(async () => {
  const owner = await openOwner(rigAt(crashed.environment))
  await fill(owner)
  await owner.journal.close()
  const again = await openOwner(rigAt(crashed.environment))
  await again.accept(
    ...range(1, 20).map((i) => ({ key: `late-${i}`, body: seal(Buffer.alloc(500, i), 'late') })),
  )
  await again.commit({ settle: [12, 13].map((seq) => ending(seq)), lowWater: 1 })
  const copy = freshEnvironment()
  copyJournal(crashed.environment.directory, copy.environment.directory)
  const journal = await sqlite('hub.db').open(copy.environment)
  truth = await readAll(journal)
  await journal.close()
  copy.remove()
})
afterAll(() => crashed.remove())

function rigAt(environment: (typeof crashed)['environment']) {
  return { factory: sqlite('hub.db'), environment, crash: async () => {}, dispose: async () => {} }
}

/** What a person learns of a copy of the crashed journal in which `hurt` changed something. */
async function learn(hurt: (directory: string) => void): Promise<string> {
  const copy = freshEnvironment()
  const { directory } = copy.environment
  copyJournal(crashed.environment.directory, directory)
  hurt(directory)
  try {
    const journal = await sqlite('hub.db').open(copy.environment)
    try {
      const same = (await readAll(journal)) === truth
      const damage = verifyFile(join(directory, 'hub.db'), () => {})
      if (damage.length === 0) return same ? 'same' : 'SILENT'
      return same ? 'verify' : 'differs, and verify says so'
    } finally {
      await journal.close().catch(() => {})
    }
  } catch (error) {
    if (isLinkspanError(error)) return error.code
    throw error
  } finally {
    copy.remove()
  }
}

describe('damage', () => {
  test('an unhurt copy of a crashed journal is the same', async () => {
    expect(await learn(() => {})).toBe('same')
  })

  test.each(['hub.db', 'hub.db-wal'])('a flipped bit of %s is never silent', async (name) => {
    const random = seededRandom(seed)
    const bits = statSync(join(crashed.environment.directory, name)).size * 8
    const seen = new Map<string, number>()
    for (let n = 0; n < FLIPS; n++) {
      const bit = Math.floor(random.next() * bits)
      const learnt = await learn((directory) => flipBit(join(directory, name), bit))
      expect(learnt, `seed ${seed}: bit ${bit} of ${name}`).not.toBe('SILENT')
      seen.set(learnt, (seen.get(learnt) ?? 0) + 1)
    }
    process.stdout.write(`${name}, seed ${seed}: ${JSON.stringify(Object.fromEntries(seen))}\n`)
    expect([...seen.keys()].some((learnt) => learnt !== 'same')).toBe(true)
  })

  test('a hurt piece of a large body takes only that body', async () => {
    const copy = freshEnvironment()
    const { directory } = copy.environment
    copyJournal(crashed.environment.directory, directory)
    const db = new DatabaseSync(join(directory, 'hub.db'))
    db.exec('UPDATE bodies SET chunk = zeroblob(10) WHERE seq = 9')
    db.close()
    const journal = await sqlite('hub.db').open(copy.environment)
    const [found] = await journal.messages.load([9])
    expect(found).toMatchObject({ seq: 9, body: null, key: 'key-2' })
    expect(await journal.history.verify(() => {})).toEqual([
      { where: 'message 9', what: 'the checksum of its body does not fit' },
    ])
    await journal.close()
    copy.remove()
  })

  test.each([
    ["UPDATE messages SET key = 'other' WHERE seq = 1", 'message 1'],
    ['UPDATE messages SET body = zeroblob(408) WHERE seq = 1', 'message 1'],
    ['UPDATE settlements SET ending = 0 WHERE seq = 6', 'ending of message 6'],
    ['UPDATE records SET frame = zeroblob(308) WHERE seq = 2', 'message 2'],
    ['UPDATE waits SET hold = 0 WHERE seq = 1', 'wait of message 1'],
    ["UPDATE state SET value = zeroblob(50) WHERE key = '3'", 'state "3"'],
    ["UPDATE seen SET key = 'delivery-0' WHERE key = 'delivery-6'", 'dedupe key "delivery-0"'],
    ["UPDATE cursors SET value = 'page-13'", 'cursor "poll"'],
    ["UPDATE names SET name = 'flow-9' WHERE name = 'flow-1'", 'names'],
    ['UPDATE head SET low_water = 5', 'head'],
    ['DELETE FROM messages WHERE seq = 5', 'message 5'],
    ['DELETE FROM settlements WHERE seq = 5', 'endings'],
    ['UPDATE tallies SET count = count + 1 WHERE slot = 0', 'endings'],
  ])('verifying finds what SQLite cannot: %s', (change, where) => {
    const copy = freshEnvironment()
    const { directory } = copy.environment
    copyJournal(crashed.environment.directory, directory)
    const db = new DatabaseSync(join(directory, 'hub.db'))
    db.exec(change)
    db.close()
    const damage = verifyFile(join(directory, 'hub.db'), () => {})
    expect(damage.map((one) => one.where).join()).toContain(where)
    copy.remove()
  })

  test('a message that is gone although it never ended stops the start', async () => {
    const learnt = await learn((directory) => {
      const db = new DatabaseSync(join(directory, 'hub.db'))
      db.exec('DELETE FROM messages WHERE seq = 3')
      db.close()
    })
    expect(learnt).toBe('JOURNAL_DAMAGED')
  })
})
