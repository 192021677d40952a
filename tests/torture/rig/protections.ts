/**
 * Protections of the engine that can be switched off, each by a wrapper around what the engine is handed. What follows
 * must be noticed by the checker: that proves that it can see.
 */
import {
  type CallContext,
  type ErrorCode,
  isLinkspanError,
  type Journal,
  type JournalFactory,
  type Operation,
} from 'linkspan'
import type { ViolationKind } from './check.ts'
import { declared, type Parts } from './flows.ts'
import type { JournalKind } from './protocol.ts'
import type { Deeds } from './torment.ts'

type Batch = Parameters<Journal['commit']>[0]

/** What is switched off. */
interface Protection {
  readonly what: string
  /** What the checker must then find: one of these at least. */
  readonly finds: readonly ViolationKind[]
  /** How many engines it takes to show. */
  readonly engines: 'one' | 'several' | 'any'
  /** What has to happen for it to show, where kills do not do; a database of its own is needed for that. */
  readonly deeds?: Partial<Deeds>
}

/** The protections that can be switched off. */
export const CONTROLS = {
  // It foretells places, so nobody else may be given any.
  fsync: { what: 'the journal answers before it commits', finds: ['missing'], engines: 'one' },
  dedupe: { what: 'repeated deliveries are accepted again', finds: ['doubled'], engines: 'any' },
  records: { what: 'intents and outcomes of calls are not written', finds: ['doubled'], engines: 'any' },
  marks: {
    what: 'the idempotency key is another one at each attempt',
    finds: ['doubled'],
    engines: 'any',
  },
  verify: {
    what: 'asking after a call always says that it did not arrive',
    finds: ['doubled'],
    engines: 'any',
  },
  order: { what: 'messages have no key', finds: ['order'], engines: 'any' },
  // What is left out would shift the positions by which a shared journal names changes that came too late.
  state: { what: 'one in ten changes of state is not written', finds: ['counter'], engines: 'one' },
  fencing: {
    what: 'an engine goes on when others have taken over, and takes refused commits for written ones',
    finds: ['missing'],
    engines: 'several',
  },
  handOver: {
    what: 'each engine takes every key for its own',
    finds: ['order'],
    engines: 'several',
  },
  replication: {
    what: 'the database answers commits that its standby does not have',
    finds: ['missing'],
    engines: 'any',
    deeds: { promotions: 1 },
  },
  lostCommit: {
    what: 'a commit that did not come through, or whose answer was lost, is taken for written',
    finds: ['missing', 'ledger', 'stuck'],
    engines: 'any',
    deeds: { databaseKills: 2, networkFaults: 6 },
  },
  noRoom: {
    what: 'a commit for which there was no room is taken for written',
    finds: ['missing', 'ledger', 'stuck'],
    engines: 'any',
    deeds: { fullDisks: 1 },
  },
} as const satisfies Readonly<Record<string, Protection>>

export type Control = keyof typeof CONTROLS

/** What has to happen for a missing protection to show; null where kills and stops do. */
export function deedsFor(control: Control): Partial<Deeds> | null {
  const { deeds }: Protection = CONTROLS[control]
  return deeds ?? null
}

/** The protections that matter with so many engines on such a journal. */
export function controlsFor(engines: number, journal: JournalKind): readonly Control[] {
  const fits = ['any', engines > 1 ? 'several' : 'one']
  return Object.keys(CONTROLS)
    .filter(isControl)
    .filter((control) => fits.includes(CONTROLS[control].engines))
    .filter((control) => journal === 'postgres' || deedsFor(control) === null)
}

/** Whether a text names a protection. */
export function isControl(text: string): text is Control {
  return Object.hasOwn(CONTROLS, text)
}

/** The journal and the parts of the flows, with or without a protection. */
export function partsWithout(
  without: Control | null,
  journal: JournalFactory,
): Omit<Parts, 'knownFor'> & { readonly journal: JournalFactory } {
  const keyOf: Parts['keyOf'] = without === 'order' ? () => null : (body) => body.key
  return { journal: WRAPPERS[without ?? '']?.(journal) ?? journal, keyOf, operations: operationsOf(without) }
}

function operationsOf(without: Control | null): typeof declared {
  if (without === 'marks') return { ...declared, key: otherKeyEachTime(declared.key) }
  if (without === 'verify')
    return { ...declared, verify: { ...declared.verify, verify: async () => ({ state: 'absent' }) } }
  return declared
}

let attempts = 0

function otherKeyEachTime<In, Out, O extends Operation<In, Out>>(operation: O & Operation<In, Out>): O {
  return {
    ...operation,
    run: (client: unknown, input: In, call: CallContext) => {
      attempts += 1
      const { messageId, signal, timeoutMs, attempt, firstMadeAt, traceparent } = call
      const onAbort = call.onAbort.bind(call)
      const maySend = call.maySend.bind(call)
      const jsonText = call.jsonText.bind(call)
      const mark = `${call.mark}-${Date.now()}-${attempts}`
      return operation.run(client, input, {
        messageId,
        signal,
        onAbort,
        maySend,
        jsonText,
        limits: (said) => call.limits(said),
        timeoutMs,
        attempt,
        firstMadeAt,
        traceparent,
        mark,
      })
    },
  }
}

const WRAPPERS: Readonly<Record<string, (factory: JournalFactory) => JournalFactory>> = {
  fsync: (factory) => opening(factory, early),
  dedupe: (factory) =>
    changing(factory, (batch) => ({
      ...batch,
      accept: batch.accept.map((message) => ({ ...message, dedupe: null })),
    })),
  records: (factory) => changing(factory, (batch) => ({ ...batch, records: [] })),
  state: (factory) =>
    changing(factory, (batch) => ({ ...batch, state: batch.state.filter(() => Math.random() > 0.1) })),
  fencing: (factory) => opening(factory, unfenced),
  handOver: (factory) => opening(factory, greedy),
  lostCommit: (factory) => opening(factory, trusting('JOURNAL_UNREACHABLE')),
  noRoom: (factory) => opening(factory, trusting('JOURNAL_FULL')),
}

function opening(factory: JournalFactory, wrap: (journal: Journal) => Journal): JournalFactory {
  return { ...factory, open: async (environment) => wrap(await factory.open(environment)) }
}

function changing(factory: JournalFactory, change: (batch: Batch) => Batch): JournalFactory {
  return opening(factory, (journal) => overriding(journal, (batch) => journal.commit(change(batch))))
}

function overriding(journal: Journal, commit: Journal['commit']): Journal {
  return { ...journal, commit }
}

const LATE_MS = 60

/** Answers at once and commits later. A batch whose answer it cannot foretell is committed in time. */
function early(journal: Journal): Journal {
  let lastSeq = journal.opened.lastSeq
  let written: Promise<unknown> = Promise.resolve()
  return overriding(journal, async (batch) => {
    const committed = written
      .then(() => new Promise((resolve) => setTimeout(resolve, LATE_MS)))
      .then(() => journal.commit(batch))
    written = committed
    if (batch.accept.some((message) => message.dedupe !== null)) {
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
  })
}

/** Goes on for ever: its lease never runs out, nobody tells it that it was taken over, and no commit is refused. */
function unfenced(journal: Journal): Journal {
  const { ownership } = journal
  return {
    ...trusting('JOURNAL_TAKEN_OVER')(journal),
    ownership: {
      ...ownership,
      holds: () => true,
      begin: (listener) => ownership.begin({ ...listener, lost: () => undefined }),
    },
  }
}

/** Takes commits that failed so for written. */
function trusting(code: ErrorCode): (journal: Journal) => Journal {
  return (journal) => {
    let lastSeq = journal.opened.lastSeq
    return overriding(journal, async (batch) => {
      try {
        const committed = await journal.commit(batch)
        for (const { seq } of committed.accepted) lastSeq = Math.max(lastSeq, seq)
        return committed
      } catch (error) {
        if (!isLinkspanError(error, code)) throw error
        return { accepted: batch.accept.map(() => ({ seq: ++lastSeq, duplicateOf: null })) }
      }
    })
  }
}

type Grants = Awaited<ReturnType<Journal['ownership']['begin']>>

/** Tells the engine that it owns all partitions, and puts what it accepts into those that it really owns. */
function greedy(journal: Journal): Journal {
  const { ownership } = journal
  const granted = (partitions: readonly number[]): Grants =>
    partitions.map((partition) => ({ partition, died: null }))
  const others = (grants: Grants): readonly number[] => {
    const own = new Set(grants.map(({ partition }) => partition))
    return Array.from({ length: ownership.partitions }, (_, at) => at).filter((at) => !own.has(at))
  }
  const home = (partition: number): number => {
    const own = [...ownership.owned]
    return own.includes(partition) ? partition : (own[partition % own.length] ?? partition)
  }
  let tell: (grants: Grants) => void = () => undefined
  return {
    ...journal,
    ownership: {
      ...ownership,
      begin: async (listener) => {
        tell = listener.granted
        const grants = await ownership.begin(listener)
        return [...grants, ...granted(others(grants))]
      },
      release: async (partitions) => {
        await ownership.release(partitions)
        tell(granted(partitions))
      },
    },
    commit: (batch) =>
      journal.commit({
        ...batch,
        accept: batch.accept.map((message) => ({ ...message, partition: home(message.partition) })),
      }),
  }
}
