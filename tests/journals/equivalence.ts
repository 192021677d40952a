import fc from 'fast-check'
import { expect } from 'vitest'
import type { Batch, Journal, NewMessage } from '../../packages/linkspan/src/journal/journal.ts'
import { simulated } from '../../packages/linkspan/src/journal/simulated/simulated.ts'
import { ENDINGS } from '../../packages/linkspan/src/model/message.ts'
import {
  bytes,
  type JournalRig,
  newMessage,
  type Owner,
  openOwner,
  range,
  wait,
} from '../../packages/linkspan/src/testing/journal-suite/harness.ts'

/** What an engine may do in one commit, in terms of messages that may or may not be there. */
type Action =
  | { readonly do: 'accept'; readonly message: Partial<NewMessage> }
  | {
      readonly do: 'child'
      readonly of: number
      readonly path: string
      readonly index: number
      readonly awaited: boolean
      readonly ready: boolean
    }
  | { readonly do: 'record' | 'revive'; readonly seq: number }
  | {
      readonly do: 'wait'
      readonly seq: number
      readonly reason: number
      readonly wakeAt: number | null
      readonly hold: boolean
    }
  | { readonly do: 'settle'; readonly seq: number; readonly ending: number; readonly frame: boolean }
  | {
      readonly do: 'state'
      readonly key: string
      readonly value: string | null
      readonly until: number | null
    }

const LAST = 100
const flow = fc.constantFrom('a', 'b')
const key = fc.constantFrom(null, 'x', 'y')
const seq = fc.integer({ min: 1, max: 10 })
const path = fc.constantFrom('p', 'q')
const reasons = ['ready', 'retry', 'delay', 'children', 'verify'] as const
const dedupe = fc.option(
  fc.record({
    scope: fc.constant('s'),
    key: fc.constantFrom('1', '2'),
    until: fc.integer({ min: 0, max: 50 }),
  }),
)
const message = fc.record({
  flow,
  key,
  ready: fc.boolean(),
  acceptedAt: fc.integer({ min: 0, max: 20 }),
  dedupe,
  index: fc.option(fc.record({ f: fc.constantFrom('1', '2') })),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constant('accept' as const), message }),
  fc.record({ do: fc.constant('accept' as const), message }),
  fc.record({
    do: fc.constant('child' as const),
    of: seq,
    path,
    index: fc.nat(2),
    awaited: fc.boolean(),
    ready: fc.boolean(),
  }),
  fc.record({ do: fc.constantFrom('record' as const, 'revive' as const), seq }),
  fc.record({
    do: fc.constant('wait' as const),
    seq,
    reason: fc.nat(4),
    wakeAt: fc.option(fc.nat(50)),
    hold: fc.boolean(),
  }),
  fc.record({ do: fc.constant('settle' as const), seq, ending: fc.nat(5), frame: fc.boolean() }),
  fc.record({
    do: fc.constant('state' as const),
    key: fc.constantFrom('1', '2', '3'),
    value: fc.option(fc.string({ maxLength: 3 })),
    until: fc.option(fc.integer({ min: 999_990, max: 1_000_010 })),
  }),
)
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ commit: fc.array(action, { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ prune: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constantFrom('reopen' as const, 'recover' as const) },
)

type Step = { readonly commit: readonly Action[] } | { readonly prune: number } | 'reopen' | 'recover'

/** Some roots and children, so that most of what follows concerns a message that is there. */
const BEGINNING: Step = {
  commit: [
    ...range(1, 5).map((n) => ({ do: 'accept', message: { flow: 'a', key: 'x', ready: n > 3 } }) as const),
  ],
}

/** What both journals need to know of a message to be told something sensible about it. */
interface Known {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly parent: number | null
}

/** Turns actions into a batch that an engine could write: frames are numbered upwards, one thing per message. */
function batchOf(
  actions: readonly Action[],
  known: Map<number, Known>,
  frames: Map<number, number>,
): Partial<Batch> {
  const touched = new Set<number>()
  const parts = { accept: [] as NewMessage[], records: [], waits: [], settle: [], revive: [], state: [] } as {
    [Name in 'accept' | 'records' | 'waits' | 'settle' | 'revive' | 'state']: Batch[Name][number][]
  }
  const frameOf = (seq: number): number => {
    const n = frames.get(seq) ?? 0
    frames.set(seq, n + 1)
    return n
  }
  for (const what of actions) {
    if ('seq' in what && (touched.has(what.seq) || !known.has(what.seq))) continue
    if ('seq' in what) touched.add(what.seq)
    switch (what.do) {
      case 'accept':
        parts.accept.push(newMessage(what.message))
        break
      case 'child': {
        const parent = known.get(what.of)
        if (parent === undefined) break
        const { path, index, awaited, ready } = what
        const family = { seq: what.of, id: parent.id, path, index, awaited }
        parts.accept.push(
          newMessage({ flow: parent.flow, key: parent.key, token: '', parent: family, ready }),
        )
        break
      }
      case 'record': {
        const n = frameOf(what.seq)
        parts.records.push({ seq: what.seq, n, frame: bytes(`frame ${n}`) })
        break
      }
      case 'revive': {
        const { flow, key, parent } = known.get(what.seq) as Known
        parts.revive.push(wait(what.seq, { flow, key, parent }))
        break
      }
      case 'wait': {
        const { flow, key, parent } = known.get(what.seq) as Known
        const { wakeAt, hold } = what
        parts.waits.push(
          wait(what.seq, { flow, key, parent, wakeAt, hold, reason: reasons[what.reason] as 'ready' }),
        )
        break
      }
      case 'settle': {
        const n = frameOf(what.seq)
        const frame = what.frame ? bytes(`last frame ${n}`) : null
        const ending = ENDINGS[what.ending] as 'done'
        parts.settle.push({
          seq: what.seq,
          ending,
          endedAt: 20 + (what.seq % 7),
          attempt: 1,
          frame,
          n,
          reason: '',
        })
        break
      }
      case 'state': {
        const { key, value, until } = what
        parts.state.push({ scope: 's', key, value: value === null ? null : bytes(value), until })
      }
    }
  }
  return parts
}

/** All that a journal answers about its first hundred places. */
export async function readAll(journal: Journal): Promise<unknown> {
  const { messages, backlog, history, state } = journal
  const all = range(1, LAST)
  const sorted = (rows: readonly object[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort()
  return {
    messages: await messages.load(all),
    children: await Promise.all(all.map((seq) => messages.children(seq, null, 0, 10))),
    open: await Promise.all(all.flatMap((seq) => ['p', 'q'].map((path) => messages.openChildren(seq, path)))),
    unsettled: await backlog.unsettled(0, 100),
    page: await backlog.page('a', 3, 5),
    pageOfKey: await Promise.all(['x', 'y'].map((key) => backlog.pageOfKey('a', key, 2, 40, 9))),
    pageOfHolders: [await backlog.pageOfHolders('a', 3, 5), await backlog.pageOfHolders('b', 0, 9)],
    pageOfParent: await Promise.all(all.map((seq) => backlog.pageOfParent(seq, 1, 3))),
    due: await backlog.due('a', 25, 5),
    nextDue: [await backlog.nextDue('a'), await backlog.nextDue('b')],
    held: [await backlog.held(null, 5), await backlog.held('b', 5)],
    count: sorted((await backlog.count()).map(({ oldest: _, ...group }) => group)),
    newest: await history.query({ limit: 5 }),
    oldest: await history.query({ limit: 5, order: 'oldest', rootsOnly: false, flow: 'a', beyond: 2 }),
    dead: await history.query({ limit: 5, endings: ['dead', 'parked'], rootsOnly: false }),
    live: await history.query({ limit: 50, live: true, rootsOnly: false }),
    index: await history.query({ limit: 5, index: { f: '1' }, key: 'x' }),
    totals: sorted(await history.totals()),
    state: await state.list('s', '', 10),
  }
}

/** Buffers, views of a database's memory and the test's own arrays compare as the same bytes. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify([value], withHex))
}

/** A buffer has been made an object of its bytes before this sees it. */
function withHex(_name: string, part: unknown): unknown {
  if (part instanceof Uint8Array) return Buffer.from(part).toString('hex')
  const { type, data } = (part ?? {}) as { type?: unknown; data?: unknown }
  return type === 'Buffer' ? Buffer.from(data as number[]).toString('hex') : part
}

async function play(real: JournalRig, partitions: number, steps: readonly Step[]): Promise<void> {
  const { environment } = real
  const model = {
    factory: simulated({ partitions }),
    environment,
    crash: async () => {},
    dispose: async () => {},
  }
  let owners: Owner[] = await Promise.all([real, model].map(openOwner))
  const known = new Map<number, Known>()
  const frames = new Map<number, number>()
  const both = async <Result>(run: (owner: Owner) => Promise<Result>): Promise<Result> => {
    const [found, expected] = await Promise.all(owners.map(run))
    expect(plain(found)).toEqual(plain(expected))
    return found as Result
  }
  const commit = async (actions: readonly Action[]): Promise<void> => {
    const parts = batchOf(actions, known, frames)
    // What the low water promises, an engine keeps: nothing below it is running.
    await both(async (owner) => owner.commit({ ...parts, lowWater: 1 }))
    const present = await both(({ journal }) => journal.messages.load(range(1, LAST)))
    const running = present.filter(({ wait, ending }) => wait === null && ending === null)
    const last = newMessage({ ready: true, acceptedAt: 0 })
    const { accepted } = await both(async (owner) => owner.commit({ accept: [last], lowWater: 1 }))
    const lowWater = running[0]?.seq ?? (accepted[0]?.seq as number)
    await both((owner) => owner.commit({ lowWater }))
  }
  const recover = async (): Promise<void> => {
    const left = await both(({ journal }) => journal.backlog.unsettled(0, LAST))
    const waits = left.map(({ seq, flow, key }) => wait(seq, { flow, key }))
    await both((owner) => owner.commit({ waits }))
    await Promise.all(owners.map(({ journal: { ownership } }) => ownership.recovered([...ownership.owned])))
  }
  try {
    for (const step of steps) {
      if (step === 'recover') await recover()
      else if (step === 'reopen') {
        await both(({ journal }) => journal.close())
        owners = await Promise.all([real, model].map(openOwner))
        await both(async ({ journal }) => journal.opened)
      } else if ('prune' in step) {
        await both(async ({ journal }) => {
          while ((await journal.history.prune(step.prune, step.prune - 5, step.prune, 3)) > 0);
        })
      } else await commit(step.commit)
      const found = await both(({ journal }) => journal.messages.load(range(1, LAST)))
      known.clear()
      for (const { seq, id, flow, key, parent } of found)
        known.set(seq, { id, flow, key, parent: parent?.seq ?? null })
      await both(({ journal }) => readAll(journal))
    }
    expect(await owners[0]?.journal.history.verify(() => {})).toEqual([])
  } finally {
    for (const { journal } of owners) await journal.close()
    await real.dispose()
  }
}

/** Holds a journal to the simulated one: whatever an engine may do, both answer the same. */
export async function cannotBeToldApart(make: () => JournalRig, runs: number, partitions = 1): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) =>
      play(make(), partitions, [BEGINNING, ...(steps as readonly Step[])]),
    ),
    { numRuns: runs },
  )
}
