/**
 * Where Linkspan deliberately does something else than Camel. Each is data that the comparison uses: what Camel would have
 * to be told to do the same, or by what the outcomes are compared instead. One that no case shows fails the run, as does
 * any other difference.
 */
import type { Case, Outcome, Step } from './case.ts'
import { type BatchRule, batchesOfMessages } from './models/batch.ts'
import { type FailoverRule, triesOfTargets } from './models/failover.ts'
import type { Model } from './models/model.ts'
import { type OrderRule, orderOfMessages } from './models/resequencer.ts'
import { turnsOfTargets } from './models/weighted.ts'
import { hasStep, rewritten, type Scope } from './rewrite.ts'

/** A deliberate difference. */
export interface Difference {
  readonly id: string
  readonly camel: string
  readonly linkspan: string
  readonly reason: string
  /** The pages of `docs/patterns` that say so. */
  readonly pages: readonly string[]
  readonly by: Translation
}

/** How what Camel does becomes what Linkspan does. */
export type Translation =
  /** The case that makes Camel do the same; null where the difference plays no part. */
  | { readonly kind: 'case'; readonly of: (one: Case) => Case | null }
  /** The part of an outcome that is the same on both sides; null where the difference plays no part. */
  | { readonly kind: 'view'; readonly of: (one: Case) => ((outcome: Outcome) => Outcome) | null }
  /**
   * A small model of the pattern that can do both. With no difference it has to come to what Camel did, with all of its
   * differences to what Linkspan did.
   */
  | { readonly kind: 'model'; readonly model: Model }

const byCase = (change: (step: Step, scope: Scope) => Step): Translation => ({
  kind: 'case',
  of: (one) => rewritten(one, change),
})

const never: Step = { do: 'fail', when: { mod: 1, of: [0] } }

const ORDER_RULES: readonly (Omit<Difference, 'by' | 'pages'> & { readonly id: OrderRule })[] = [
  {
    id: 'resequencer-each-waits-its-time',
    camel:
      'Only the message behind a gap has a timer, and one that comes before it begins a new one: a message may wait longer than the timeout.',
    linkspan: 'No message waits longer than its timeout; then the one with the lowest place goes on.',
    reason: 'A stated limit of waiting that holds for each message can be relied on.',
  },
  {
    id: 'resequencer-place-taken-twice',
    camel: 'A message whose place another one waits in is dropped without a word.',
    linkspan: 'It is late: it fails, is filtered or passes, as `late` says.',
    reason: 'Every message ends somewhere visible.',
  },
  {
    id: 'resequencer-last-place-again',
    camel: 'A message with the place of the one that went on last is not taken for an old one.',
    linkspan: 'Its place was passed, so it is late.',
    reason: 'A place is given once; two messages of one place are not in any order.',
  },
  {
    id: 'resequencer-late-passes-at-once',
    camel:
      'Without rejectOld an old message waits for its timeout and then sets the sequence back to its place.',
    linkspan: "With `late: 'pass'` it goes on at once, and the sequence is as far as it was.",
    reason: 'What is late already gains nothing by waiting, and must not make others late or early.',
  },
]

const FAILOVER_RULES: readonly (Omit<Difference, 'by' | 'pages'> & { readonly id: FailoverRule })[] = [
  {
    id: 'failover-goes-round',
    camel:
      'A failover that is not round robin ends at the last target, even where it began behind the first.',
    linkspan: 'It goes round: each target is tried once, or as often as `attempts` allows.',
    reason: 'With a sticky start the targets before it would not be tried, although they may do well.',
  },
  {
    id: 'failover-keeps-what-did-it',
    camel: 'A sticky failover also keeps a target that failed with an error that it does not go on with.',
    linkspan: 'It keeps a target that did it.',
    reason: 'A failure is no reason to come back.',
  },
  {
    id: 'failover-repeats-no-effect',
    camel: 'A target that is tried again for the same message does everything again.',
    linkspan: 'It goes on where it failed: calls of it that took effect are on record and not made again.',
    reason: 'Nothing happens twice that can happen once.',
  },
]

const BATCH_RULES: readonly (Omit<Difference, 'by' | 'pages'> & { readonly id: BatchRule })[] = [
  {
    id: 'batch-time-from-first',
    camel: 'A batch that is not full goes on when nothing has come for its timeout.',
    linkspan: 'It goes on when its timeout is over since its first message.',
    reason: 'No message waits longer than that, however many come.',
  },
  {
    id: 'batch-counts-what-goes-on',
    camel:
      'What has the place of another of its batch counts for the size of the batch, and is dropped then.',
    linkspan: 'It is not in the batch, and does not count.',
    reason: 'It ends as filtered at once, and a batch is as large as was said.',
  },
]

/** All that differs on purpose. */
export const DIFFERENCES: readonly Difference[] = [
  {
    id: 'filter-ends-the-message',
    camel: "A filter inside another step's block ends that block, and the message goes on behind it.",
    linkspan: 'A filter ends the message (or the part, or the copy) wherever it stands.',
    reason:
      'Filtered is an ending that is counted; a message that goes on was not filtered. A choice says what a block may skip.',
    pages: ['message-filter'],
    by: byCase((step, scope) =>
      step.do === 'filter' && scope === 'inner' ? { ...step, stops: true } : step,
    ),
  },
  {
    id: 'filtered-has-no-answer',
    camel: 'A part or copy that was filtered is given to the aggregation strategy as it was then.',
    linkspan: 'It is left out of the join.',
    reason: 'It ended as filtered, so there is nothing that it came to.',
    pages: ['splitter', 'multicast', 'recipient-list'],
    by: byCase((step) =>
      (step.do === 'split' || step.do === 'multicast' || step.do === 'recipients') && step.join !== 'none'
        ? { ...step, skipFiltered: true }
        : step,
    ),
  },
  {
    id: 'fan-out-keeps-the-body',
    camel:
      'Without a strategy the last answer of a multicast or recipient list becomes the body, and a failure of it the failure of the message.',
    linkspan:
      'Without a join the body stays, and a branch that fails is a dead letter of its own; stopOnError fails the message.',
    reason: 'Which branch answers last is nothing to build on; who wants the answers joins them.',
    pages: ['multicast', 'recipient-list'],
    by: byCase((step) =>
      (step.do === 'multicast' || step.do === 'recipients') && step.join === 'none'
        ? { ...step, original: true }
        : step,
    ),
  },
  {
    id: 'part-fails-by-itself',
    camel:
      'A splitter without a strategy splits to the end, and then fails the message if a part has failed.',
    linkspan: 'The part is a dead letter of its own and the message goes on; stopOnError fails it.',
    reason: 'The other parts have taken effect. The one that failed is redelivered alone.',
    pages: ['splitter'],
    by: byCase((step) => (step.do === 'split' && step.join === 'none' ? { ...step, original: true } : step)),
  },
  {
    id: 'claim-that-is-not-there-fails',
    camel: 'To get or pop what is not there does nothing.',
    linkspan: 'It does not compile, or fails the message where that depends on its way.',
    reason: 'Steps behind it would take another body for the claim.',
    pages: ['claim-check'],
    by: { kind: 'case', of: (one) => replaced(one, claimsThatFail(one.steps)) },
  },
  {
    id: 'loop-of-a-negative-number-fails',
    camel: 'A negative number of turns is none.',
    linkspan: 'It fails the message.',
    reason: 'It is an error of whoever computed it.',
    pages: ['loop'],
    by: byCase((step) =>
      step.do === 'loop' && step.times === 'n' ? { ...step, times: 'n', negativeFails: true } : step,
    ),
  },
  {
    id: 'empty-identity-fails',
    camel: 'Only null is no identity; messages with an empty one are the same.',
    linkspan: 'An empty identity fails the message.',
    reason:
      'It is a field that is not there far more often than a name, and all those messages but one would vanish.',
    pages: ['idempotent-consumer'],
    by: byCase((step) => (step.do === 'dedupe' ? { ...step, emptyIsNone: true } : step)),
  },
  {
    id: 'what-is-done-stays-done',
    camel:
      'With eager off, a message that fails takes an identity back also when an equal one has ended well meanwhile.',
    linkspan: "With `remember: 'done'` one that has ended well counts, whatever becomes of others.",
    reason: 'It has taken effect, and the next equal one would make it a second time.',
    pages: ['idempotent-consumer'],
    by: byCase((step) =>
      step.do === 'dedupe' && step.remember === 'done' ? { ...step, doneStays: true } : step,
    ),
  },
  {
    id: 'group-fails-its-message',
    camel: 'What fails behind an aggregator fails a message of its own, which its members do not hear of.',
    linkspan:
      'The message that completed the group, or led it, goes on with the group, and is the dead letter.',
    reason: 'Every failure is the ending of a message that can be found and redelivered.',
    pages: ['aggregator'],
    by: {
      kind: 'view',
      of: ({ steps, messages }) => {
        const at = steps.findIndex((step) => step.do === 'aggregate')
        if (at === -1 || !hasStep(steps.slice(at), (step) => step.do === 'fail')) return null
        return ({ seen, ends }) => ({
          seen,
          ends: ends.map((end, index) => (messages[index]?.body.k === '' ? end : 'ended')),
        })
      },
    },
  },
  {
    id: 'sticky-targets-by-hash',
    camel: 'The first message of a key gets the next target in turn, and its key keeps it.',
    linkspan: 'The target follows from the key and the targets.',
    reason:
      'It needs no state, is the same on all engines and after a restart, and a new target moves only the keys it takes over.',
    pages: ['load-balancer'],
    by: { kind: 'view', of: ({ steps }) => (steps.some(isSticky) ? targetsPerKey : null) },
  },
  {
    id: 'weighted-turns-spread-evenly',
    camel:
      'All targets in turn, until the weight of each is used up: the heaviest comes last, several times in a row.',
    linkspan: 'As often in each round, but spread evenly over it.',
    reason: 'A target of a large weight does not get its messages in one burst.',
    pages: ['load-balancer'],
    by: { kind: 'model', model: turnsOfTargets },
  },
  ...FAILOVER_RULES.map(
    (rule): Difference => ({
      ...rule,
      pages: ['load-balancer'],
      by: { kind: 'model', model: triesOfTargets },
    }),
  ),
  ...BATCH_RULES.map(
    (rule): Difference => ({
      ...rule,
      pages: ['resequencer'],
      by: { kind: 'model', model: batchesOfMessages },
    }),
  ),
  {
    id: 'interval-counts-from-1970',
    camel: 'An interval counts from the start of the route.',
    linkspan: 'It counts from 1970.',
    reason: 'A restart moves nothing, and several engines mean the same.',
    pages: ['aggregator'],
    by: {
      kind: 'case',
      of: ({ begins = 0, ...one }) => (begins === 0 ? null : { ...one, routeRuns: begins }),
    },
  },
  ...ORDER_RULES.map(
    (rule): Difference => ({
      ...rule,
      pages: ['resequencer'],
      by: { kind: 'model', model: orderOfMessages },
    }),
  ),
]

function replaced(one: Case, places: ReadonlySet<number>): Case | null {
  if (places.size === 0) return null
  return { ...one, steps: one.steps.map((step, place) => (places.has(place) ? never : step)) }
}

/** The places of claims that find nothing, in a list without branches. */
function claimsThatFail(steps: readonly Step[]): ReadonlySet<number> {
  const kept = new Set<string>()
  const failing = new Set<number>()
  let stack = 0
  for (const [place, step] of steps.entries()) {
    if (step.do !== 'claim') continue
    if (step.op === 'set') kept.add(step.key)
    else if (step.op === 'push') stack += 1
    else if (step.op === 'pop') {
      if (stack === 0) failing.add(place)
      else stack -= 1
    } else {
      if (!kept.has(step.key)) failing.add(place)
      if (step.op === 'getAndRemove') kept.delete(step.key)
    }
  }
  return failing
}

function isSticky(step: Step): boolean {
  return step.do === 'balance' && step.by === 'sticky'
}

/** How many targets each key went to: what sticking promises. */
function targetsPerKey({ seen, ends }: Outcome): Outcome {
  const targets = new Map<string, Set<string>>()
  for (const { at, body } of seen) {
    const { k } = body as unknown as { readonly k: string }
    if (at !== 'behind') targets.set(k, (targets.get(k) ?? new Set()).add(at))
  }
  const counts = [...targets].map(([key, all]) => ({ at: `targets of ${key}`, body: all.size }))
  return { seen: counts.sort((a, b) => (a.at < b.at ? -1 : 1)), ends }
}
