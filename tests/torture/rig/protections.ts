/**
 * Protections of the engine that can be switched off, each by a wrapper around what the engine is handed. What follows
 * must be noticed by the checker: that proves that it can see.
 */
import type { CallContext, Journal, JournalFactory, Operation } from 'linkspan'
import { sqlite } from 'linkspan'
import { declared, type Parts } from './flows.ts'

type Batch = Parameters<Journal['commit']>[0]

/** What is switched off, and what the checker must then find at least. */
export const CONTROLS = {
  fsync: {
    what: 'the journal answers before it commits',
    finds: ['missing'],
  },
  dedupe: { what: 'repeated deliveries are accepted again', finds: ['doubled'] },
  records: { what: 'intents and outcomes of calls are not written', finds: ['doubled'] },
  marks: { what: 'the idempotency key is another one at each attempt', finds: ['doubled'] },
  verify: { what: 'asking after a call always says that it did not arrive', finds: ['doubled'] },
  order: { what: 'messages have no key', finds: ['order'] },
  state: { what: 'one in ten changes of state is not written', finds: ['counter'] },
} as const

export type Control = keyof typeof CONTROLS

/** Whether a text names a protection. */
export function isControl(text: string): text is Control {
  return Object.hasOwn(CONTROLS, text)
}

/** The journal and the parts of the flows, with or without a protection. */
export function partsWithout(
  without: Control | null,
  path: string,
): Parts & { readonly journal: JournalFactory } {
  const journal = sqlite(path)
  const keyOf: Parts['keyOf'] = without === 'order' ? () => null : (body) => body.key
  return { journal: JOURNALS[without ?? '']?.(journal) ?? journal, keyOf, operations: operationsOf(without) }
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
      const { messageId, signal, timeoutMs, attempt, traceparent } = call
      const onAbort = call.onAbort.bind(call)
      const jsonText = call.jsonText.bind(call)
      const mark = `${call.mark}-${Date.now()}-${attempts}`
      return operation.run(client, input, {
        messageId,
        signal,
        onAbort,
        jsonText,
        timeoutMs,
        attempt,
        traceparent,
        mark,
      })
    },
  }
}

const JOURNALS: Readonly<Record<string, (factory: JournalFactory) => JournalFactory>> = {
  fsync: (factory) => opening(factory, early),
  dedupe: (factory) =>
    changing(factory, (batch) => ({
      ...batch,
      accept: batch.accept.map((message) => ({ ...message, dedupe: null })),
    })),
  records: (factory) => changing(factory, (batch) => ({ ...batch, records: [] })),
  state: (factory) =>
    changing(factory, (batch) => ({ ...batch, state: batch.state.filter(() => Math.random() > 0.1) })),
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
