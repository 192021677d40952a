import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { turnPlace } from '../model/step-place.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { correlationKey } from './parts/correlation-key.ts'
import { type OrderRules, takeTurn, type Turn } from './parts/order-cell.ts'
import type { CommonOptions, Pattern, StepContext, StepResult } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Resequencer: lets messages go on in the order of their `place` in a sequence, whichever came first. One that comes
     * before its turn waits in the journal, on whichever engine of a cluster, and goes on when all before it have, or when
     * it has waited for its `timeout`: what is missing is then waited for no longer, and comes too late. The body stays.
     *
     * Messages begin with the steps after it in order. Give the flow's source the same key, and each has ended before the
     * next begins; else they may overtake each other in those steps. The key is free for others while a message waits.
     *
     * How far a sequence is, and who waits, is one cell of engine state, written anew with each message that waits or goes
     * on: about 150 bytes for each that waits.
     *
     * To put batches in order, as they come in, use `aggregate`, `sort` and `split`.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const moves = flow('moves')
     *   .from(inbox<{ account: string; number: number; amount: number }>(), { key: (move) => move.account })
     *   .resequence('in order', { place: (move) => move.number, first: 1, timeout: '10m' })
     *   .map('amount', (move) => move.amount)
     * ```
     */
    resequence(name: string, options: ResequenceOptions<B, N>): Steps<B, N, F>
  }
}

/** Which sequence a message belongs to, and its place there. */
export interface ResequenceOptions<B, N> extends CommonOptions {
  /** Messages for which it answers the same are one sequence. @default the message's key */
  readonly key?: (body: B, ctx: Context<N>) => string | number
  /** The message's place: a whole number; the one after it has the next one. Synchronous and pure. */
  readonly place: (body: B, ctx: Context<N>) => number
  /** How long a message waits for those before it. */
  readonly timeout: Duration
  /** The first place of a sequence. @default not known: the first message waits for earlier ones as for a gap */
  readonly first?: number
  /** How many wait at most; with one more, the lowest of them goes on and what is missing before it is late. @default 1000 */
  readonly capacity?: number
  /**
   * What becomes of a message that comes too late, or whose place another has taken: it fails with `SEQUENCE_PASSED`, ends
   * as *filtered*, or goes on nevertheless. @default 'fail'
   */
  readonly late?: 'fail' | 'filter' | 'pass'
  /** How long it is remembered how far a sequence is of which nothing comes. @default for good */
  readonly for?: Duration
}

type OfBody = (body: unknown, ctx: StepContext) => unknown

const MOST = 10_000

/** The `resequence` step. */
export const resequence: Pattern = {
  kind: 'resequence',
  stepClass: 'stateful',
  summary: 'Lets messages go on in the order of their place in a sequence (Resequencer).',
  methods: {
    resequence: (draft, name: string, given: ResequenceOptions<unknown, unknown>) =>
      draft.add({
        kind: 'resequence',
        name,
        options: dataOf(given, name),
        code: {
          place: needFunction(given.place, 'the option place of resequence()', name),
          ...(given.key === undefined
            ? {}
            : { key: needFunction(given.key, 'the option key of resequence()', name) }),
        },
        common: given,
        keepsState: true,
      }),
  },
  compile(node, code, { path }) {
    const scope = node.options['scope'] as string
    const rules = node.options as unknown as OrderRules
    const keyOf = code['key'] as OfBody | undefined
    const placeOf = code['place'] as OfBody
    return async (pass) => {
      const context = pass.enter(path)
      const key = keyOf
        ? correlationKey(keyOf(pass.body, context), path, 'its sequence is found')
        : (context.key ?? '')
      const place = needPlace(answered(placeOf(pass.body, context), path, 'its place'), path)
      for (let turn = 1; ; turn += 2) {
        const change = takeTurn(place, pass.sleeper, rules, (id) => pass.endingOf(id))
        const seen = await pass.update(turnPlace(path, turn), scope, key, change)
        if (seen.wake) await pass.wake(turnPlace(path, turn), seen.wake)
        if (seen.did !== 'waits') {
          pass.moveTo(seen.at)
          return seen.did === 'late' ? late(node, path, place, key, seen) : undefined
        }
        const stop = pass.sleep(turnPlace(path, turn + 1), seen.until, false)
        if (stop !== undefined) return stop
      }
    }
  },
}

function dataOf(given: ResequenceOptions<unknown, unknown>, step: string): Readonly<Record<string, Json>> {
  if (typeof given !== 'object' || given === null)
    throw invalid(
      `${stepWords(step)} needs { place, timeout, … } as its second argument, not ${shown(given)}.`,
    )
  const { timeout, first, capacity = 1_000, late: lateOnes = 'fail', for: kept } = given
  if (timeout === undefined || durationMs(timeout) <= 0)
    throw invalid(
      `${stepWords(step)} needs a timeout above zero such as '10m', after which it waits for a missing message no longer; not ${shown(timeout)}.`,
    )
  if (first !== undefined && !Number.isSafeInteger(first))
    throw invalid(`${stepWords(step)}: first is a whole number, not ${shown(first)}.`)
  if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > MOST)
    throw invalid(`${stepWords(step)}: capacity is a whole number from 1 to ${MOST}, not ${shown(capacity)}.`)
  if (!['fail', 'filter', 'pass'].includes(lateOnes))
    throw invalid(`${stepWords(step)}: late is 'fail', 'filter' or 'pass', not ${shown(lateOnes)}.`)
  return {
    timeoutMs: durationMs(timeout),
    first: first ?? null,
    capacity,
    late: lateOnes,
    forMs: kept === undefined ? null : durationMs(kept),
  }
}

function needPlace(place: unknown, path: string): number {
  if (Number.isSafeInteger(place)) return place as number
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs a message's place as a whole number, but its function answered ${shown(place)}.`,
    { details: { path } },
  )
}

function late(node: StepNode, path: string, place: number, key: string, { next }: Turn): StepResult {
  const how = node.options['late']
  if (how === 'pass') return undefined
  const what = `the sequence ${JSON.stringify(key)} has come to ${next} and this one's place is ${place}`
  if (how === 'filter') return { kind: 'end', ending: 'filtered', reason: `in "${node.name}" ${what}` }
  throw new LinkspanError(
    'SEQUENCE_PASSED',
    `The message came too late for the step "${path}": ${what}. Drop it, or redeliver it to a flow that does not need the order.`,
    { details: { path, key, place, next }, retry: 'never' },
  )
}
