import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { turnPlace } from '../model/step-place.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { type BatchRules, type BatchTurn, takePlace } from './parts/batch-cell.ts'
import { correlationKey } from './parts/correlation-key.ts'
import { type OrderRules, takeTurn, type Turn } from './parts/order-cell.ts'
import type { CellChange, CommonOptions, Pass, Pattern, StepContext, StepResult, Stop } from './pattern.ts'
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
     * With `batch` no place is waited for: messages are gathered until there are `size` of them or their `timeout` is over, and
     * go on in the order of their places, which may be any numbers.
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
    resequence(name: string, options: ResequenceOptions<B, N> | BatchResequenceOptions<B, N>): Steps<B, N, F>
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
  readonly batch?: undefined
}

/** Which sequence a message belongs to, its place there, and how batches are made. */
export interface BatchResequenceOptions<B, N> extends CommonOptions {
  /** Messages for which it answers the same are put in order together. @default the message's key */
  readonly key?: (body: B, ctx: Context<N>) => string | number
  /** What they are put in order by. Synchronous and pure. */
  readonly place: (body: B, ctx: Context<N>) => number
  readonly batch: BatchOrder
}

/** When a batch is complete, and how its messages go on. */
export interface BatchOrder {
  /** At so many messages. @default 100 */
  readonly size?: number
  /** So long after its first message. @default '1s' */
  readonly timeout?: Duration
  /** Whether the highest place goes first. @default false */
  readonly reverse?: boolean
  /**
   * What becomes of a message whose place another of the batch has: it ends as *filtered*, fails with `SEQUENCE_PASSED`, or goes
   * on behind the other. @default 'filter'
   */
  readonly twice?: 'fail' | 'filter' | 'pass'
}

type Given = ResequenceOptions<unknown, unknown> | BatchResequenceOptions<unknown, unknown>
type OfBody = (body: unknown, ctx: StepContext) => unknown

const MOST = 10_000

/** The `resequence` step. */
export const resequence: Pattern = {
  kind: 'resequence',
  stepClass: 'stateful',
  summary: 'Lets messages go on in the order of their place in a sequence (Resequencer).',
  methods: {
    resequence: (draft, name: string, given: Given) =>
      draft.add({
        kind: 'resequence',
        name,
        options: given?.batch === undefined ? dataOf(given, name) : batchDataOf(given.batch, name),
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
  detail: ({ options }) => (options['batch'] === true ? `resequence ${options['size']}` : 'resequence'),
  compile(node, code, { path }) {
    const scope = node.options['scope'] as string
    const keyOf = code['key'] as OfBody | undefined
    const placeOf = code['place'] as OfBody
    const isBatch = node.options['batch'] === true
    return async (pass) => {
      const context = pass.enter(path)
      const key = keyOf
        ? correlationKey(keyOf(pass.body, context), path, 'its sequence is found')
        : (context.key ?? '')
      const place = needPlace(answered(placeOf(pass.body, context), path, 'its place'), path, isBatch)
      const given = { node, path, scope, key, place }
      return isBatch ? inBatch(pass, given) : inStream(pass, given)
    }
  },
}

interface Placed {
  readonly node: StepNode
  readonly path: string
  readonly scope: string
  readonly key: string
  readonly place: number
}

async function inStream(pass: Pass, { node, path, scope, key, place }: Placed): Promise<StepResult> {
  const rules = node.options as unknown as OrderRules
  const seen = await untilTurn(pass, path, scope, key, () =>
    takeTurn(place, pass.sleeper, rules, (id) => pass.endingOf(id)),
  )
  if ('kind' in seen) return seen
  return seen.did === 'late' ? late(node, path, place, key, seen) : undefined
}

async function inBatch(pass: Pass, { node, path, scope, key, place }: Placed): Promise<StepResult> {
  const rules = node.options as unknown as BatchRules
  const seen = await untilTurn(pass, path, scope, key, () =>
    takePlace(place, pass.sleeper, rules, (id) => pass.endingOf(id)),
  )
  if ('kind' in seen) return seen
  return seen.did === 'twice' ? twice(node, path, place, key) : undefined
}

/** Looks again and again until it is the message's turn, and sleeps in between. */
async function untilTurn<Seen extends Turn | BatchTurn>(
  pass: Pass,
  path: string,
  scope: string,
  key: string,
  look: () => CellChange<Seen>,
): Promise<Seen | Stop> {
  for (let turn = 1; ; turn += 2) {
    const seen = await pass.update(turnPlace(path, turn), scope, key, look())
    if (seen.wake) await pass.wake(turnPlace(path, turn), seen.wake)
    if (seen.did !== 'waits') {
      pass.moveTo(seen.at)
      return seen
    }
    const stop = pass.sleep(turnPlace(path, turn + 1), seen.until, false)
    if (stop !== undefined) return stop
  }
}

function batchDataOf(given: BatchOrder, step: string): Readonly<Record<string, Json>> {
  if (typeof given !== 'object' || given === null)
    throw invalid(`${stepWords(step)}: batch is { size, timeout, … }, not ${shown(given)}.`)
  const { size = 100, timeout = '1s', reverse = false, twice: again = 'filter' } = given
  if (!Number.isSafeInteger(size) || size < 1 || size > MOST)
    throw invalid(`${stepWords(step)}: batch.size is a whole number from 1 to ${MOST}, not ${shown(size)}.`)
  if (durationMs(timeout) <= 0)
    throw invalid(
      `${stepWords(step)}: batch.timeout is a duration above zero such as '1s', not ${shown(timeout)}.`,
    )
  if (!['fail', 'filter', 'pass'].includes(again))
    throw invalid(`${stepWords(step)}: batch.twice is 'fail', 'filter' or 'pass', not ${shown(again)}.`)
  return { batch: true, size, timeoutMs: durationMs(timeout), reverse: reverse === true, twice: again }
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

function needPlace(place: unknown, path: string, isBatch: boolean): number {
  if (isBatch ? Number.isFinite(place) : Number.isSafeInteger(place)) return place as number
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs a message's place as a ${isBatch ? 'number' : 'whole number'}, but its function answered ${shown(place)}.`,
    { details: { path } },
  )
}

function twice(node: StepNode, path: string, place: number, key: string): StepResult {
  const what = `another message of the batch ${JSON.stringify(key)} has the place ${place} too`
  if (node.options['twice'] === 'filter')
    return { kind: 'end', ending: 'filtered', reason: `in "${node.name}" ${what}` }
  throw new LinkspanError(
    'SEQUENCE_PASSED',
    `The message cannot go through the step "${path}": ${what}. Drop it, or let it go on by twice: 'pass'.`,
    { details: { path, key, place }, retry: 'never' },
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
