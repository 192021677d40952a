import { copyJournal, createEngine, flow, inbox, sqlite as publicSqlite } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type {
  JournalTransfer,
  MovedMessage,
  PlacedMessage,
  TransferSource,
  TransferTarget,
} from '../../packages/linkspan/src/journal/journal.ts'
import { simulated } from '../../packages/linkspan/src/journal/simulated/simulated.ts'
import { freshEnvironment } from '../../packages/linkspan/src/journal/sqlite/fixtures/rig.ts'
import { sqlite } from '../../packages/linkspan/src/journal/sqlite/sqlite.ts'
import { copyJournal as copyAll } from '../../packages/linkspan/src/runtime/copy-journal.ts'
import { begunCursor, inheritedCursor, textOf } from '../../packages/linkspan/src/runtime/legacy.ts'
import { partitionOf } from '../../packages/linkspan/src/runtime/homes.ts'
import {
  bytes,
  childOf,
  ending,
  type JournalRig,
  newMessage,
  type Owner,
  openOwner,
  range,
  text,
  wait,
} from '../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { plain, readAll } from './equivalence.ts'
import { databasePerFile } from './postgres/databases.ts'
import { postgresRig } from './postgres/rig.ts'

const url = databasePerFile()
const used: JournalRig[] = []
afterEach(async () => {
  for (const rig of used.splice(0)) await rig.dispose()
})

const KINDS: Readonly<Record<string, () => JournalRig>> = {
  SQLite: () => {
    const { environment, remove } = freshEnvironment()
    const factory = sqlite('hub.db', { thread: 'main' })
    return { factory, environment, crash: async () => {}, dispose: async () => remove() }
  },
  PostgreSQL: () => postgresRig(url(), { partitions: 1 }),
  simulated: () => {
    const { environment, remove } = freshEnvironment()
    const factory = simulated()
    return { factory, environment, crash: async () => factory.crash(), dispose: async () => remove() }
  },
}
const names = Object.keys(KINDS)
const pairs = names.flatMap((from) => names.map((to) => [from, to] as const))

function make(kind: string): JournalRig {
  const rig = (KINDS[kind] as () => JournalRig)()
  used.push(rig)
  return rig
}

const doorOf = ({ factory }: JournalRig): JournalTransfer =>
  factory.transfer ?? expect.fail(`${factory.kind} cannot be copied`)

/** A journal with some of everything, whose owner stopped. Places 3, 5 and 60 were forgotten. */
async function fill(rig: JournalRig): Promise<void> {
  const owner = await openOwner(rig)
  const { accept, commit, journal } = owner
  await accept(
    { key: 'x', headers: { a: '1', 'ä\u0001': '\u0000' }, index: { customer: 'Ada', order: '\u0001 7' } },
    { key: null, body: bytes(''), codeVersion: 'v2', acceptedAt: 999 },
    { acceptedAt: 1 },
    { key: 'x\u0000y', flow: 'invoices', dedupe: { scope: 's', key: 'k\u0000', until: 5_000_000 } },
    { acceptedAt: 1 },
    { body: new Uint8Array(300 * 1024).fill(7) },
  )
  await commit({ settle: [3, 5].map((seq) => ending(seq, { endedAt: 10 })), lowWater: 1 })
  const parent = { seq: 1, id: '1-abcdefghijkl' }
  await accept(
    ...range(0, 4).map((n) => childOf(parent, 'lines', n, { flow: 'orders', ready: n === 4 })),
    childOf({ seq: 7, id: '1-abcdefghijkl~lines.0' }, 'deeper', 0, {
      dedupe: { scope: 'children', key: 'c', until: 9_000_000 },
    }),
  )
  await commit({
    records: [
      { seq: 1, n: 0, frame: bytes('one') },
      { seq: 1, n: 3, frame: bytes('two') },
      { seq: 7, n: 0, frame: bytes('seven') },
    ],
    waits: [
      wait(1, { key: 'x', reason: 'children', hold: true }),
      wait(2, { reason: 'retry', wakeAt: 1500, attempt: 3 }),
      wait(4, { flow: 'invoices', key: 'x\u0000y', hold: true, reason: 'verify', wakeAt: 7 }),
      wait(7, { parent: 1, reason: 'delay', wakeAt: 9 }),
      wait(12, { parent: 7 }),
    ],
    settle: [
      ending(6, { ending: 'dead', reason: 'why \u0000', frame: bytes('last'), n: 4, attempt: 8 }),
      ...[8, 9].map((seq) => ending(seq)),
      ending(10, { ending: 'dropped' }),
    ],
    state: [
      { scope: 's', key: 'kept', value: bytes('value'), until: null },
      { scope: 's', key: '', value: bytes(''), until: 3_000_000 },
      { scope: 's\u0001', key: 'past', value: bytes('gone'), until: 4 },
    ],
    cursors: [
      { name: 'poll', value: 'at 7' },
      { name: 'ü\u0000', value: '' },
    ],
    lowWater: 13,
  })
  const many = await accept(...range(1, 48).map((n) => ({ flow: `f${n % 3}`, acceptedAt: 2000 + n })))
  await commit({ settle: many.map((seq) => ending(seq, { endedAt: seq === 60 ? 10 : 5000 })), lowWater: 61 })
  while ((await journal.history.prune(20, 0, 3, 50)) > 0);
  await journal.close()
}

/** All that a source gives, in pages of three. */
async function dump(source: TransferSource): Promise<unknown> {
  const all = async <Row extends { readonly seq?: number; scope?: string; key?: string | null }>(
    read: (last: Row | null) => Promise<readonly Row[]>,
  ): Promise<Row[]> => {
    const rows: Row[] = []
    for (let page = await read(null); page.length > 0; page = await read(page.at(-1) as Row))
      rows.push(...page)
    return rows
  }
  const sorted = (rows: readonly object[]): unknown =>
    rows.map((row) => JSON.stringify(plain(Object.entries(row).sort()))).sort()
  const { lastSeq, counts } = await source.facts()
  return {
    lastSeq,
    counts,
    messages: plain(
      (await all<MovedMessage>((last) => source.messages(last?.seq ?? 0, 3))).map(({ index, ...rest }) => ({
        ...rest,
        index: index && Object.entries(index).sort(),
      })),
    ),
    cells: sorted(await all((last) => source.cells(last as never, 3))),
    dedupeKeys: sorted(await all((last) => source.dedupeKeys(last as never, 3))),
    cursors: sorted(await source.cursors()),
  }
}

async function dumpOf(rig: JournalRig): Promise<unknown> {
  const source = await doorOf(rig).openSource(rig.environment)
  const found = await dump(source)
  await source.close()
  return found
}

async function readOf(rig: JournalRig): Promise<unknown> {
  const journal = await rig.factory.openForReading(rig.environment)
  const found = plain(await readAll(journal))
  expect(await journal.history.verify(() => {})).toEqual([])
  await journal.close()
  return found
}

interface Opened {
  readonly source: TransferSource
  readonly target: TransferTarget
  readonly copy: () => ReturnType<typeof copyAll>
  readonly close: () => Promise<void>
}

async function begin(from: JournalRig, to: JournalRig, anew = false): Promise<Opened> {
  const source = await doorOf(from).openSource(from.environment)
  try {
    const facts = await source.facts()
    const target = await doorOf(to).openTarget(to.environment, { source: facts, anew })
    const options = {
      source,
      target,
      facts,
      identityOf: (name: string) => name,
      now: 3000,
      progress: () => {},
    }
    return {
      source,
      target,
      copy: () => copyAll(options),
      close: async () => {
        await target.close()
        await source.close()
      },
    }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function copy(from: JournalRig, to: JournalRig, anew = false): ReturnType<typeof copyAll> {
  const opened = await begin(from, to, anew)
  try {
    return await opened.copy()
  } finally {
    await opened.close()
  }
}

/** Puts the first messages, as a copy does that is cut short. */
async function copySome(from: JournalRig, to: JournalRig, count: number): Promise<void> {
  const { source, target, close } = await begin(from, to)
  const messages = await source.messages(target.present.seq, count)
  await target.put({
    messages: messages.map((message) => ({
      ...message,
      partition:
        message.parent === null ? partitionOf(message.flow, message.key ?? '', target.partitions) : null,
    })),
  })
  await close()
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })

describe.each(pairs)('a journal on %s that is copied to %s', (one, other) => {
  it('is the same there, and so is a copy of the copy', async () => {
    const from = make(one)
    const to = make(other)
    const back = make(one)
    await fill(from)
    const before = await dumpOf(from)
    const { counts, takenUp } = await copy(from, to)
    expect(counts).toEqual({ messages: 57, cells: 3, dedupeKeys: 2, cursors: 2 })
    expect(takenUp).toBe(0)
    expect(await dumpOf(to)).toEqual(before)
    expect(await readOf(to)).toEqual(await readOf(from))
    await copy(to, back)
    expect(await dumpOf(back)).toEqual(before)
    expect(await readOf(back)).toEqual(await readOf(from))
    expect(await dumpOf(from), 'the source is as it was').toEqual(before)
  })

  it('goes on there: places, dedupe keys, children and counts', async () => {
    const from = make(one)
    const to = make(other)
    await fill(from)
    await copy(from, to)
    const both: Owner[] = [await openOwner(from), await openOwner(to)]
    const [expected, found] = await Promise.all(
      both.map(async ({ commit, journal }) => {
        const { accepted } = await commit({
          accept: [
            newMessage({ flow: 'orders', ready: true }),
            newMessage({ dedupe: { scope: 's', key: 'k\u0000', until: 6_000_000 } }),
            newMessage(childOf({ seq: 1, id: '1-abcdefghijkl' }, 'lines', 2)),
          ],
          settle: [ending(11), ending(7), ending(4, { frame: bytes('e'), n: 0 })],
          revive: [wait(6, { reason: 'ready' })],
          lowWater: 61,
        })
        const answer = { accepted, opened: journal.opened, all: plain(await readAll(journal)) }
        await journal.close()
        return answer
      }),
    )
    expect(plain(found)).toEqual(plain(expected))
    expect(found?.accepted[0]?.seq).toBe(61)
    expect(found?.accepted[1]?.duplicateOf?.id).toBe('4-abcdefghijkl')
  })

  it('is no journal until the copy has come to its end, which can be resumed', async () => {
    const from = make(one)
    const to = make(other)
    await fill(from)
    await copySome(from, to, 5)
    for (const open of [to.factory.open, to.factory.openForReading, doorOf(to).openSource])
      await expect(open(to.environment)).rejects.toEqual(code('JOURNAL_INCOMPLETE'))
    await copySome(from, to, 7)
    const { resumedAt } = await copy(from, to)
    expect(resumedAt).toBe(12)
    expect(await dumpOf(to)).toEqual(await dumpOf(from))
    expect(await readOf(to)).toEqual(await readOf(from))
  })

  it('is begun anew when an engine ran on it in between', async () => {
    const from = make(one)
    const to = make(other)
    await fill(from)
    await copySome(from, to, 5)
    const owner = await openOwner(from)
    await owner.commit({ accept: [newMessage({ ready: true })], lowWater: 61 })
    await owner.journal.close()
    await expect(copy(from, to)).rejects.toMatchObject({
      code: 'JOURNAL_INCOMPLETE',
      message: expect.stringContaining('--anew'),
    })
    expect(await copy(from, to, true)).toMatchObject({ resumedAt: 0 })
    expect(await dumpOf(to)).toEqual(await dumpOf(from))
    expect(await readOf(to)).toEqual(await readOf(from))
  })

  it('has taken up what was running when its last engine died', async () => {
    const from = make(one)
    const to = make(other)
    const owner = await openOwner(from)
    await owner.accept({ key: 'a' }, {}, { ready: true })
    await owner.commit({ records: [{ seq: 2, n: 0, frame: bytes('begun') }], lowWater: 1 })
    // Nobody closes it as an engine does that ends; where a lock would be held, that dies with the process.
    if (one === 'SQLite') await owner.journal.close()
    else await from.crash()
    expect(await copy(from, to)).toMatchObject({ takenUp: 2 })
    const after = await openOwner(to)
    expect(await after.journal.backlog.unsettled(0, 10)).toEqual([])
    expect((await after.journal.backlog.page('orders', 0, 10)).map(({ seq }) => seq)).toEqual([1, 2, 3])
    const found = await after.journal.messages.load([1, 2, 3])
    expect(found.map(({ frames }) => frames.length)).toEqual([1, 2, 0])
    expect(text(found[1]?.frames[1] ?? null)).toContain('interrupted')
    await after.journal.close()
  })

  it.each([
    ['died', true],
    ['stopped', false],
  ])('says what an engine may have begun with that %s, and what was left to it', async (_how, died) => {
    const from = make(one)
    const to = make(other)
    const owner = await openOwner(from)
    await owner.accept(...range(1, 5).map(() => ({ ready: true })))
    const { member } = owner.journal.ownership
    await owner.commit({
      records: [{ seq: 2, n: 0, frame: bytes('begun') }],
      cursors: [
        { name: begunCursor('orders', member), value: '3' },
        { name: inheritedCursor(0), value: textOf({ begun: new Map([['orders', 1]]), upTo: 0 }) },
        { name: 'poll', value: '7' },
      ],
      lowWater: 1,
    })
    if (!died || one === 'SQLite') await owner.journal.close({ leftRunning: died })
    else await from.crash()
    await copy(from, to)
    const after = await openOwner(to)
    const found = await after.journal.messages.load(range(1, 5))
    const said = found.map(
      ({ frames }) => frames.filter((each) => (text(each) ?? '').includes('interrupted')).length,
    )
    expect(said).toEqual(died ? [1, 0, 1, 0, 0] : [1, 0, 0, 0, 0])
    expect([...(await after.journal.cursors.list(''))]).toEqual([['poll', '7']])
    await after.journal.close()
  })

  it('is refused while an engine has it, or has the target', async () => {
    const from = make(one)
    const to = make(other)
    await fill(from)
    const owner = await openOwner(from)
    await expect(copy(from, to)).rejects.toEqual(code('JOURNAL_IN_USE'))
    await owner.journal.close()
    const there = await openOwner(to)
    await expect(copy(from, to)).rejects.toEqual(code('JOURNAL_IN_USE'))
    await there.journal.close()
    await copy(from, to)
    expect(await dumpOf(to)).toEqual(await dumpOf(from))
  })

  it('is not copied over another one', async () => {
    const from = make(one)
    const to = make(other)
    await fill(from)
    await fill(to)
    const before = await dumpOf(to)
    for (const anew of [false, true])
      await expect(copy(from, to, anew)).rejects.toMatchObject({
        code: 'JOURNAL_FAILED',
        message: expect.stringContaining('is not empty'),
      })
    expect(await dumpOf(to)).toEqual(before)
  })
})

describe.each(names)('a copy on %s', (kind) => {
  it('takes no message that runs, and none out of order', async () => {
    const from = make('simulated')
    const to = make(kind)
    await fill(from)
    const { source, target, close } = await begin(from, to)
    const [first, second] = (await source.messages(0, 2)) as [MovedMessage, MovedMessage]
    const at = (message: MovedMessage): PlacedMessage => ({ ...message, partition: 0 })
    await expect(target.put({ messages: [at(second), at(first)] })).rejects.toThrow('came after')
    await expect(target.put({ messages: [{ ...at(first), wait: null }] })).rejects.toThrow('neither waits')
    await target.put({ messages: [at(first)] })
    await expect(target.put({ messages: [at(first)] })).rejects.toThrow('came after')
    await close()
  })

  it('is not made a journal when something is missing', async () => {
    const from = make('simulated')
    const to = make(kind)
    await fill(from)
    const { source, target, close } = await begin(from, to)
    const messages = await source.messages(0, 100)
    await target.put({ messages: messages.map((message) => ({ ...message, partition: 0 })) })
    await expect(target.finish(await source.facts())).rejects.toMatchObject({
      code: 'JOURNAL_INCOMPLETE',
      message: expect.stringContaining('0 cells of 3'),
    })
    await close()
    await expect(to.factory.open(to.environment)).rejects.toEqual(code('JOURNAL_INCOMPLETE'))
    await copy(from, to)
    expect(await dumpOf(to)).toEqual(await dumpOf(from))
  })
})

it.each([
  [
    'the simulated journal',
    (): JournalRig => ({ ...make('simulated'), factory: simulated({ partitions: 8 }) }),
  ],
  ['PostgreSQL', (): JournalRig => postgresRig(url(), { partitions: 8 })],
])('lays messages into the partitions that engines share on %s', async (_kind, makeShared) => {
  const from = make('SQLite')
  await fill(from)
  const to = makeShared()
  used.push(to)
  await copySome(from, to, 6)
  await copy(from, to)
  const journal = await to.factory.openForReading(to.environment)
  const found = new Map((await journal.messages.load(range(1, 60))).map((each) => [each.seq, each]))
  expect(found.get(4)?.partition).toBe(partitionOf('invoices', 'x\u0000y', 8))
  for (const { parent, partition } of found.values())
    if (parent !== null) expect(partition).toBe(found.get(parent.seq)?.partition)
  expect(new Set([...found.values()].map(({ partition }) => partition)).size).toBe(8)
  expect(await journal.history.verify(() => {})).toEqual([])
  await journal.close()
  const owner = await openOwner(to)
  expect(owner.journal.ownership.partitions).toBe(8)
  expect((await owner.journal.backlog.page('orders', 0, 10)).map(({ seq }) => seq)).toEqual(
    (await readPage(from)).map(({ seq }) => seq),
  )
  await owner.journal.close()
})

async function readPage(rig: JournalRig): Promise<readonly { readonly seq: number }[]> {
  const journal = await rig.factory.openForReading(rig.environment)
  const page = await journal.backlog.page('orders', 0, 10)
  await journal.close()
  return page
}

it('lets an engine finish what waited, on PostgreSQL what SQLite had', async () => {
  const { environment, remove } = freshEnvironment()
  const to = postgresRig(url())
  used.push(to)
  const { directory } = environment
  const call = fakeOperation<string>('system.call', { kind: 'key', validFor: '1h' })
  const lines = flow('lines')
    .from(inbox<readonly string[]>(), { key: () => 'k' })
    .split(
      'each',
      (body) => body,
      (line) => line.delay('rest', '1s').to('call', call),
    )
  const quiet = { outside: { logger: { log: () => {} } }, directory }
  const source = { journal: publicSqlite('hub.db'), flows: [lines] }
  const first = createEngine(source, quiet)
  await first.start()
  await first.send(lines, ['a', 'b'])
  await first.send(lines, ['c'])
  await first.stop()
  const target = { journal: to.factory, flows: [lines] }
  const progress: number[] = []
  const copied = await copyJournal(source, target, {
    directory,
    progress: (done, total) => progress.push(done / total),
  })
  expect(copied.counts.messages).toBeGreaterThanOrEqual(2)
  expect(progress.at(-1)).toBe(1)
  expect(call.effects).toEqual([])
  const second = createEngine(target, quiet)
  await second.start()
  await expect
    .poll(async () => (await second.admin.messages({ order: 'oldest' })).items.map(({ state }) => state), {
      timeout: 15_000,
    })
    .toEqual(['done', 'done'])
  expect(call.effects.map(({ input }) => input).sort()).toEqual(['a', 'b', 'c'])
  await second.stop()
  remove()
})
