/**
 * Protections of the engine that can be switched off, each by what the engine is handed. The checker must object: that
 * proves that it can see.
 */
import type { Journal, JournalFactory } from 'linkspan'
import { type Clock, isLinkspanError } from 'linkspan/connect'
import { changed, through } from '../support.ts'
import type { FlowOptions } from './beginnings.ts'
import type { Batch } from './disk.ts'
import type { Network } from './network.ts'
import type { ViolationKind } from './world.ts'

/** What is switched off, what the checker must then find at least, and within how many seeds, from 1 on. */
export const CONTROLS = {
  fsync: { what: 'the journal answers before it commits', finds: ['missing'], within: 60 },
  dedupe: { what: 'keys of repeated messages are not kept', finds: ['doubled'], within: 20 },
  records: { what: 'outcomes and intents of calls are not written', finds: ['doubled'], within: 60 },
  settlement: {
    what: 'endings are committed before what belongs to them',
    finds: ['missing', 'ledger'],
    within: 400,
  },
  order: { what: 'messages have no key', finds: ['order'], within: 20 },
  hold: { what: 'a key is free while its message waits for the next attempt', finds: ['order'], within: 60 },
  state: { what: 'one in four changes of state is not written', finds: ['content', 'doubled'], within: 60 },
  cursors: { what: 'the places of sources are not kept', finds: ['doubled'], within: 60 },
  lowWater: { what: 'the low-water mark is ahead', finds: ['stuck'], within: 40 },
  batches: {
    what: 'a batch that is repeated is taken for another one',
    finds: ['failed', 'doubled'],
    within: 60,
  },
  marks: { what: 'the key of a call is another one at each attempt', finds: ['doubled'], within: 20 },
  verify: {
    what: 'whoever is asked after a call says that it did not arrive',
    finds: ['doubled'],
    within: 30,
  },
  fencing: {
    what: 'what an engine writes after others took over is kept, until it notices',
    finds: ['doubled', 'missing', 'order'],
    within: 200,
    engines: 3,
  },
  mail: {
    what: 'an engine does not hear of what others accepted for it',
    finds: ['stuck'],
    within: 20,
    engines: 3,
  },
  behind: {
    what: 'a message runs at once although others handed over some before it',
    finds: ['order'],
    within: 200,
    engines: 3,
  },
  lease: {
    what: 'an engine sends without a look at its lease',
    finds: ['doubled', 'order'],
    within: 200,
    engines: 3,
  },
} as const satisfies Record<
  string,
  {
    readonly what: string
    readonly finds: readonly ViolationKind[]
    readonly within: number
    readonly engines?: 3
  }
>

export type Control = keyof typeof CONTROLS

/** The flows' options, with or without a protection. */
export function withoutFlows(without: Control | undefined, options: FlowOptions): FlowOptions {
  return without === 'order' ? { ...options, keyOf: () => null } : options
}

/** The network, with or without a protection. */
export function withoutNetwork(without: Control | undefined, network: Network): Network {
  let calls = 0
  if (without === 'marks')
    return {
      ...network,
      disturbed: network.disturbed,
      call: (life, request) => {
        calls += 1
        return network.call(life, { ...request, mark: `${request.mark}-${calls}` })
      },
    }
  if (without === 'verify')
    return { ...network, ask: (life, request) => network.ask(life, { ...request, mark: 'another' }) }
  return network
}

/** The journal as one engine opens it, with or without a protection. */
export function withoutJournal(
  without: Control | undefined,
  journal: JournalFactory,
  clock: Clock,
): JournalFactory {
  if (without === 'fsync') return early(journal, clock)
  if (without === 'settlement') return inTwo(journal)
  if (without === 'fencing') return unfenced(journal, clock)
  if (without === 'mail') return deaf(journal)
  if (without === 'lease') return careless(journal)
  const change = CHANGES[without ?? '']?.()
  return change === undefined ? journal : through(journal, (batch, commit) => commit(change(batch)))
}

/** Made anew for each life of an engine. */
const CHANGES: Readonly<Record<string, () => (batch: Batch) => Batch>> = {
  dedupe: () => (batch) => ({ ...batch, accept: batch.accept.map((each) => ({ ...each, dedupe: null })) }),
  records: () => (batch) => ({ ...batch, records: [] }),
  hold: () => (batch) => ({ ...batch, waits: batch.waits.map((wait) => ({ ...wait, hold: false })) }),
  state: () => {
    let changes = 0
    const kept = (): boolean => {
      changes += 1
      return changes % 4 !== 0
    }
    return (batch) => ({ ...batch, state: batch.state.filter(kept) })
  },
  cursors: () => (batch) => ({ ...batch, cursors: [] }),
  behind: () => (batch) => ({
    ...batch,
    accept: batch.accept.map((each) => ({ ...each, handedUpTo: Number.MAX_SAFE_INTEGER })),
  }),
  lowWater: () => (batch) => ({ ...batch, lowWater: Number.MAX_SAFE_INTEGER }),
  batches: () => {
    let id = 0
    return (batch) => {
      id += 1
      return { ...batch, id }
    }
  },
}

/** Endings first, in a commit of their own. */
function inTwo(journal: JournalFactory): JournalFactory {
  return through(journal, async (batch, commit) => {
    const nothing = { accept: [], records: [], waits: [], revive: [], state: [], cursors: [], lowWater: 0 }
    if (batch.settle.length > 0) await commit({ ...nothing, settle: batch.settle, id: batch.id * 2 - 1 })
    return commit({ ...batch, settle: [], id: batch.id * 2 })
  })
}

/** Tells an engine nothing of what is handed over to it. */
function deaf(factory: JournalFactory): JournalFactory {
  return changed(factory, ({ ownership }) => ({
    ownership: {
      ...ownership,
      begin: (listener) => ownership.begin({ ...listener, handed: () => undefined }),
    },
  }))
}

/** Says that every lease is good. */
function careless(factory: JournalFactory): JournalFactory {
  return changed(factory, ({ ownership }) => ({ ownership: { ...ownership, holds: () => true } }))
}

/** As long as a beat and a half: until then one that others took over from does not notice. */
const UNNOTICED_MS = 3_000

/**
 * Keeps what an engine writes after others took over, in the name of a member that owns nothing. The engine notices a while
 * later.
 */
function unfenced(factory: JournalFactory, clock: Clock): JournalFactory {
  return {
    ...factory,
    async open(environment) {
      const journal = await factory.open(environment)
      const { ownership } = journal
      let forger: Promise<Journal> | null = null
      let id = 0
      const forge = async (batch: Batch): ReturnType<Journal['commit']> => {
        forger ??= factory.open({ ...environment, clock })
        id += 1
        return (await forger).commit({ ...batch, id, lowWater: 0 })
      }
      const commit: Journal['commit'] = (batch) =>
        journal.commit(batch).catch((thrown: unknown) => {
          if (isLinkspanError(thrown, 'JOURNAL_TAKEN_OVER')) return forge(batch)
          throw thrown
        })
      return {
        ...journal,
        commit,
        ownership: {
          ...ownership,
          holds: () => true,
          begin: (listener) =>
            ownership.begin({
              ...listener,
              lost: (error) => void clock.timer(UNNOTICED_MS, () => listener.lost(error)),
            }),
        },
      }
    },
  }
}

const LATE_MS = 40

/**
 * Answers at once and commits later, as over a disk that nobody waits for: whoever reads finds what was written, and what
 * had not got there is lost with its engine. A batch whose answer it cannot foretell is committed in time.
 */
function early(factory: JournalFactory, clock: Clock): JournalFactory {
  return changed(factory, (journal) => {
    let { lastSeq } = journal.opened
    let written: Promise<unknown> = Promise.resolve()
    const commitLate = (batch: Batch): ReturnType<Journal['commit']> => {
      const committed = written
        .then(() => new Promise<void>((resolve) => clock.timer(LATE_MS, resolve)))
        .then(() => untilWritten(journal, batch, clock))
      written = committed.catch(() => undefined)
      return committed
    }
    return {
      ...readAfter(journal, () => written),
      commit: async (batch) => {
        const committed = commitLate(batch)
        if (batch.accept.some(({ dedupe, parent }) => dedupe !== null || parent !== null)) {
          const answer = await committed
          for (const { seq } of answer.accepted) lastSeq = Math.max(lastSeq, seq)
          return answer
        }
        committed.catch(() => undefined)
        return {
          accepted: batch.accept.map(() => {
            lastSeq += 1
            return { seq: lastSeq, duplicateOf: null }
          }),
        }
      },
    }
  })
}

/** What was answered already is tried until it is there, as it has to be before what comes after it. */
async function untilWritten(journal: Journal, batch: Batch, clock: Clock): ReturnType<Journal['commit']> {
  for (;;) {
    try {
      return await journal.commit(batch)
    } catch (thrown) {
      if (!isLinkspanError(thrown, 'JOURNAL_FULL') && !isLinkspanError(thrown, 'JOURNAL_UNREACHABLE'))
        throw thrown
      await new Promise<void>((resolve) => clock.timer(LATE_MS, resolve))
    }
  }
}

type Reading = Pick<Journal, 'messages' | 'backlog' | 'state' | 'cursors' | 'history'>

/** The reading parts of a journal, each of whose answers comes after something. */
function readAfter(
  { messages, backlog, state, cursors, history }: Journal,
  before: () => Promise<unknown>,
): Reading {
  const waiting = <Part extends object>(part: Part): Part =>
    Object.fromEntries(
      Object.entries(part).map(([name, read]: [string, (...given: unknown[]) => unknown]) => [
        name,
        (...given: unknown[]) => before().then(() => read(...given)),
      ]),
    ) as Part
  return {
    messages: waiting(messages),
    backlog: waiting(backlog),
    state: waiting(state),
    cursors: waiting(cursors),
    history: waiting(history),
  }
}
