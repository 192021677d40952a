import { type Duration, durationMs, formatDuration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { StepCode, StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { turnPlace } from '../model/step-place.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { completeAll, completed, completeOne, done } from './parts/complete-groups.ts'
import { correlationKey } from './parts/correlation-key.ts'
import { folding, type Gathering, listing, storing } from './parts/gathering.ts'
import {
  type CompletedBy,
  type CompleteGroup,
  type GroupAnswer,
  type GroupTimes,
  join,
  look,
  type Member,
} from './parts/group-cell.ts'
import { COLLECT_LIMIT } from './parts/joining.ts'
import { placer } from './parts/placed.ts'
import type { StoredMembers } from './parts/stored-members.ts'
import type { CommonOptions, Pass, Pattern, StepContext, StepResult } from './pattern.ts'
import type { Context, NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Aggregator: puts messages that belong together into one. Those of the same `key` are a group; `initial` and `add`
     * fold its members into one value, in the order in which they come here, each counted exactly once whatever crashes.
     * Without them the bodies are collected as an array: of at most 10,000, which have at most 16 Mi characters as JSON.
     *
     * All members but one end here as *done* ("aggregated"). The one that completes the group goes on, with the value as
     * its body or bound to `as`; its id, headers and names are its own. Until then the first member waits in the journal and
     * leads the group: a group that its time completes, or somebody from outside, goes on as that one. Its key is free
     * meanwhile. A group knows no engine: members may be run by any of a cluster.
     *
     * A group's value is one cell of engine state, written anew with each member: keep it small by folding. Of an array the
     * last 64 bodies are written anew, and with `when` all of it. Groups that are open take no memory.
     *
     * A function that throws fails its own message, which is then not a member. A leader ends as its flow's `timeLimit`
     * says; when it is a dead letter or dropped, its group is led by the next member that comes after the group's
     * time, or by the leader itself when it is redelivered. In a split or another step with children a group without a time
     * has no leader, as the parent would wait for it, and cannot be completed from outside.
     *
     * For groups of very many members, `collect: 'stored'` leaves their bodies in the journal, and what goes on is
     * {@link StoredMembers}, which `split` takes as its items and reads a few at a time. Such a group needs a `maxAge` or an
     * `interval`: its members are forgotten when the time that `keep` says is over after that.
     *
     * `linkspan groups complete`, `engine.admin.completeGroups` and a message that is a `signal` complete groups before their
     * time, one or all; who comes before such a group has gone on is still in it.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const bills = flow('bills')
     *   .from(inbox<{ customer: string; amount: number }>())
     *   .aggregate('by customer', {
     *     key: (sale) => sale.customer,
     *     initial: () => 0,
     *     add: (sum, sale) => sum + sale.amount,
     *     complete: { size: 100, maxAge: '1d' },
     *     result: (sum, { key, count }) => ({ customer: key, sum, sales: count }),
     *   })
     *   .map('text', ({ customer, sum, sales }) => `${customer}: ${sum} for ${sales} sales`)
     * const nightly = flow('nightly')
     *   .from(inbox<{ account: string; amount: number }>())
     *   .aggregate('of the day', { key: () => 'all', collect: 'stored', complete: { interval: '1d' }, keep: '7d' })
     *   .split('each', (entries) => entries, (entry) => entry.map('text', (e) => `${e.account}: ${e.amount}`))
     * ```
     */
    aggregate<
      C extends 'stored' | undefined = undefined,
      A = MembersAs<B, C>,
      R = A,
      K extends string = never,
    >(
      name: string,
      options: AggregateOptions<B, N, A, R, K> & { readonly collect?: C } & (
          | FoldedMembers<A, B, N>
          | CollectedMembers
          | StoringMembers
        ),
    ): Placed<B, N, F, K, R>
  }
}

/** What members are that are not folded: their bodies as an array, or where these are in the journal. */
export type MembersAs<B, C> = [C] extends ['stored'] ? StoredMembers<B> : B[]

/** Which messages belong together, and when they are all there. */
export interface AggregateOptions<B, N, A, R, K extends string> extends CommonOptions {
  /** The correlation key: messages for which it answers the same are a group. */
  readonly key: (body: B, ctx: Context<N>) => string | number
  /** At least one way for a group to become complete. */
  readonly complete: Completion<B, N, NoInfer<A>>
  /**
   * Whether a message is no member but completes groups: that of its `key`, or `all` that the step has. It ends as *done*.
   * With `'inclusive'` it is a member, and completes its own group and all others (Camel: `AGGREGATION_COMPLETE_ALL_GROUPS`,
   * `…_INCLUSIVE`; for a member that completes its own group there is `last`).
   */
  readonly signal?: (body: B, ctx: Context<N>) => GroupSignal
  /** Steps with the same scope share their groups, also those of other flows. @default the flow and the step */
  readonly scope?: string
  /** What goes on, made of a complete group's value. Synchronous and pure. @default the value */
  readonly result?: (value: NoInfer<A>, group: CompletedGroup) => R
  /** The name that the result is bound to beside the body; without it, the result is the body. */
  readonly as?: NewName<K, N>
  /** What becomes of members that come after their group was complete. @default they begin a new group */
  readonly closed?: ClosedKeys
}

/** What a message completes: null where it is a member like any. */
export type GroupSignal = 'group' | 'all' | 'inclusive' | null | undefined

/** Members that are folded into one value. */
export interface FoldedMembers<A, B, N> {
  readonly collect?: undefined
  readonly keep?: undefined
  readonly initial: () => A
  /** Adds a member. Synchronous; it may change the value that it is given. */
  readonly add: (value: A, body: B, ctx: Context<N>) => NoInfer<A>
}

/** Members whose bodies are collected as an array. */
export interface CollectedMembers {
  readonly initial?: undefined
  readonly add?: undefined
  readonly collect?: undefined
  readonly keep?: undefined
}

/** Members whose bodies stay in the journal one by one. */
export interface StoringMembers {
  readonly initial?: undefined
  readonly add?: undefined
  readonly collect: 'stored'
  /**
   * How long they are kept after their group has to be complete, that is after its `maxAge` or else its `interval`: as long as
   * what takes them may need, failures and redeliveries included. @default '30d'
   */
  readonly keep?: Duration
}

/** When a group is complete: as soon as one of these says so. */
export interface Completion<B, N, A> {
  /** At so many members; a function is asked with each. */
  readonly size?: number | ((body: B, ctx: Context<N>) => number)
  /** When no member has come for so long. */
  readonly timeout?: Duration
  /** So long after the first member, at the latest. */
  readonly maxAge?: Duration
  /** All groups at the multiples of this time, counted from 1970 in UTC: `'1h'` is at each full hour. */
  readonly interval?: Duration
  /** When this is true of the group with its newest member. */
  readonly when?: (value: A, group: GroupSoFar) => boolean
  /** When this is true of a member, which is the last then and counted in (Camel: eager check). */
  readonly last?: (body: B, ctx: Context<N>) => boolean
  /**
   * Whether all groups are completed when the engine stops, the last one of a cluster. Nothing is lost by a stop, so this is for
   * those who want no groups left open: what does not get done in time for the stop goes on first thing after the next
   * start. A crash is no stop. @default false
   */
  readonly onStop?: boolean
}

/** A group with its newest member. */
export interface GroupSoFar {
  readonly key: string
  readonly count: number
  /** When its first member came, milliseconds since 1970. */
  readonly since: number
}

/** A complete group. */
export interface CompletedGroup extends GroupSoFar {
  /** When it was complete, milliseconds since 1970. */
  readonly at: number
  /** What completed it; where a member did so in several ways: `last` before `when` before `size`, as in Camel. */
  readonly by: CompletedBy
}

/** What becomes of members of a group that is complete already. */
export interface ClosedKeys {
  /** How long the key of a complete group is remembered; after that it is a new one. */
  readonly for: Duration
  /** They fail with `AGGREGATE_CLOSED`, or end as *filtered*. @default 'fail' */
  readonly late?: 'fail' | 'filter'
}

type Options = AggregateOptions<unknown, unknown, unknown, unknown, string> &
  (FoldedMembers<unknown, unknown, unknown> | CollectedMembers | StoringMembers)
type OfBody<R> = (body: unknown, ctx: StepContext) => R

/** The code of the step, as given. */
interface AggregateCode {
  readonly key: OfBody<unknown>
  readonly initial?: () => unknown
  readonly add?: (value: unknown, body: unknown, ctx: StepContext) => unknown
  readonly result?: (value: unknown, group: CompletedGroup) => unknown
  readonly size?: OfBody<unknown>
  readonly when?: (value: unknown, group: GroupSoFar) => unknown
  readonly last?: OfBody<unknown>
  readonly signal?: OfBody<unknown>
}

const AGGREGATED: StepResult = done('aggregated')

/** The `aggregate` step. */
export const aggregate: Pattern = {
  kind: 'aggregate',
  stepClass: 'stateful',
  summary: 'Puts messages that belong together into one (Aggregator).',
  methods: {
    aggregate: (draft, name: string, given: Options) =>
      draft.add({
        kind: 'aggregate',
        name,
        options: dataOf(given, name),
        code: codeOf(given, name),
        common: given,
        binds: given.as === undefined ? [] : [given.as],
        keepsState: true,
      }),
  },
  detail: ({ options }) => `aggregate ${boundsOf(options).join(' or ')}`.trimEnd(),
  compile(node, given, { path }) {
    const code = given as unknown as AggregateCode
    const scope = node.options['scope'] as string
    const times = node.options as unknown as GroupTimes
    const gathering = gatheringOf(node, code, path)
    const memberOf = counter(node, code, gathering, path)
    const place = placer(node)
    return async (pass) => {
      const signal = signalOf(code, pass, path)
      const ended = signal === 'all' || signal === 'inclusive' ? await completeAll(pass, path, scope) : null
      if (ended !== null && signal === 'all') return completed(ended.groups)
      const key = correlationKey(code.key(pass.body, pass.enter(path)), path, 'its group is found')
      if (signal === 'group') return completed(await completeOne(pass, path, scope, key))
      const first = ended?.turn ?? 1
      const update = (turn: number, change: ReturnType<typeof join>): Promise<GroupAnswer> =>
        pass.update(turnPlace(path, turn), scope, key, change)
      let answer = await update(first, join(memberOf(pass, key, signal === 'inclusive'), times))
      if ('wake' in answer && answer.wake) await pass.wake(turnPlace(path, first + 1), answer.wake)
      let turn = first + 1
      for (; answer.did === 'leads'; turn += 2) {
        const stop = pass.sleep(turnPlace(path, turn), answer.until, false)
        if (stop !== undefined) return stop
        answer = await update(turn + 1, look(pass.sleeper, times))
      }
      if (answer.did === 'late') return late(node, path, key, answer.closedAt)
      if (answer.did !== 'complete') return AGGREGATED
      const { group } = answer
      pass.moveTo(group.at)
      const places = { list: turnPlace(path, turn + 1), removed: turnPlace(path, turn + 2) }
      place(pass, resultOf(await gathering.whole(pass, group, places), group, key, code, path))
      return undefined
    }
  },
}

function dataOf(given: Options, step: string): Readonly<Record<string, Json>> {
  if (typeof given !== 'object' || given === null)
    throw invalid(
      `${stepWords(step)} needs { key, complete, … } as its second argument, not ${shown(given)}.`,
    )
  const { closed, as, scope } = given
  const { size, timeout, maxAge, interval, onStop } = needCompletion(given, step)
  return {
    size: typeof size === 'number' ? needSize(size, isListing(given), step) : null,
    timeoutMs: timeMs(timeout, 'timeout', step),
    maxAgeMs: timeMs(maxAge, 'maxAge', step),
    intervalMs: timeMs(interval, 'interval', step),
    onStop: onStop === true,
    ...storingOf(given, step),
    closedMs: closed === undefined ? null : timeMs(closed?.for, 'closed.for', step, true),
    late: lateOf(closed, step),
    ...(as === undefined ? {} : { as }),
    ...(scope === undefined ? {} : { scope }),
  }
}

/** A group that nothing completes would lie there for good, and its members with it. */
function needCompletion({ complete, signal }: Options, step: string): Options['complete'] {
  const { size, timeout, maxAge, interval, when, last } = complete ?? {}
  const isGiven = [size, timeout, maxAge, interval, when, last, signal].some((way) => way !== undefined)
  if (typeof complete === 'object' && complete !== null && isGiven) return complete
  throw invalid(
    `${stepWords(step)} never completes a group. Give it "complete" with at least one of size, timeout, maxAge, interval, when, last, or a signal.`,
  )
}

const KEEP: Duration = '30d'

/** Stored members are forgotten some time after their group has to be complete, so that time has to be known. */
function storingOf(given: Options, step: string): { readonly keepMs?: number } {
  const { collect, complete, keep } = given
  if (collect === undefined && keep === undefined) return {}
  if (collect !== 'stored')
    throw invalid(
      `${stepWords(step)}: collect is 'stored' or left out, with "keep" too, not ${shown(collect)}.`,
    )
  if (!isCollecting(given))
    throw invalid(
      `${stepWords(step)} folds its members, so they are not stored. Leave collect out, or initial and add.`,
    )
  const longest = complete.maxAge ?? complete.interval
  if (longest !== undefined)
    return { keepMs: durationMs(longest) + (timeMs(keep ?? KEEP, 'keep', step) as number) }
  throw invalid(
    `${stepWords(step)} stores its members, which are forgotten some time after their group has to be complete. Give it a maxAge or an interval.`,
  )
}

function isCollecting({ initial, add }: Options): boolean {
  return initial === undefined && add === undefined
}

function isListing(given: Options): boolean {
  return isCollecting(given) && given.collect === undefined
}

function needSize(size: number, collects: boolean, step: string): number {
  if (!isSize(size))
    throw invalid(`${stepWords(step)}: size is a whole number from 1 or a function, not ${shown(size)}.`)
  if (collects && size > COLLECT_LIMIT)
    throw invalid(
      `${stepWords(step)} collects at most ${COLLECT_LIMIT} bodies, and its size is ${size}. Fold them: { initial: () => …, add: (value, body) => … }, or keep them with collect: 'stored' and split them.`,
    )
  return size
}

function isSize(size: unknown): size is number {
  return Number.isSafeInteger(size) && (size as number) >= 1
}

function timeMs(given: Duration | undefined, what: string, step: string, needed = false): number | null {
  if (given === undefined && !needed) return null
  const ms = given === undefined ? 0 : durationMs(given)
  if (ms > 0) return ms
  throw invalid(`${stepWords(step)}: ${what} is a duration above zero such as '5m', not ${shown(given)}.`)
}

function lateOf(closed: ClosedKeys | undefined, step: string): 'fail' | 'filter' | null {
  if (closed === undefined) return null
  const { late: given = 'fail' } = closed
  if (given === 'fail' || given === 'filter') return given
  throw invalid(`${stepWords(step)}: closed.late is 'fail' or 'filter', not ${shown(given)}.`)
}

function codeOf(given: Options, step: string): StepCode {
  const { complete, key, initial, add, result, signal } = given
  const { size, when, last } = complete
  const needed = isCollecting(given) ? { key } : { key, initial, add }
  const chosen = { result, when, last, signal, size: typeof size === 'number' ? undefined : size }
  const entries = [
    ...Object.entries(needed),
    ...Object.entries(chosen).filter(([, value]) => value !== undefined),
  ]
  for (const [what, value] of entries) needFunction(value, `the option ${what} of aggregate()`, step)
  return Object.fromEntries(entries)
}

function boundsOf(options: Readonly<Record<string, Json>>): readonly string[] {
  const { size, timeoutMs, maxAgeMs, intervalMs } = options
  return [
    ...(typeof size === 'number' ? [String(size)] : []),
    ...[timeoutMs, maxAgeMs, intervalMs].flatMap((ms) =>
      typeof ms === 'number' ? [formatDuration(ms)] : [],
    ),
  ]
}

function signalOf({ signal }: AggregateCode, pass: Pass, path: string): GroupSignal {
  if (signal === undefined) return null
  const given = answered(signal(pass.body, pass.enter(path)), path, 'its signal')
  if (given == null || given === 'group' || given === 'all' || given === 'inclusive') return given
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs 'group', 'all', 'inclusive' or null of its signal, but its function answered ${shown(given)}.`,
    { details: { path } },
  )
}

/** How a message is counted into its group. */
function counter(
  node: StepNode,
  code: AggregateCode,
  gathering: Gathering,
  path: string,
): (pass: Pass, key: string, completesIt: boolean) => Member {
  const fixed = node.options['size'] as number | null
  return (pass, key, completesIt) => {
    const { body, context, sleeper } = pass
    return {
      sleeper,
      isAwaited: context.index !== null,
      fold: (before, at) => gathering.add(pass, before, at),
      completes({ value, count, since }) {
        if (isTrue(code.last?.(body, context), path, 'last')) return 'last'
        const group = { key, count, since }
        if (isTrue(code.when?.(gathering.seen(pass, { value, count }), group), path, 'when')) return 'when'
        const size = fixed ?? sizeOf(code, body, context, path)
        if (size !== null && count >= size) return 'size'
        return completesIt ? 'forced' : null
      },
    }
  }
}

function gatheringOf({ options }: StepNode, code: AggregateCode, path: string): Gathering {
  const { initial, add, when } = code
  const scope = options['scope'] as string
  const { keepMs } = options
  if (typeof keepMs === 'number') return storing(path, { scope, keepMs })
  if (initial !== undefined && add !== undefined) return folding({ initial, add }, path)
  return listing(path, scope, when !== undefined)
}

function sizeOf({ size }: AggregateCode, body: unknown, context: StepContext, path: string): number | null {
  if (size === undefined) return null
  const given = answered(size(body, context), path, 'its size')
  if (isSize(given)) return given
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs the size of a group as a whole number from 1, but its function answered ${shown(given)}.`,
    { details: { path } },
  )
}

function isTrue(given: unknown, path: string, what: string): boolean {
  return Boolean(answered(given, path, `its ${what}`))
}

function resultOf(
  value: unknown,
  { count, since, at, by }: CompleteGroup,
  key: string,
  { result }: AggregateCode,
  path: string,
): unknown {
  if (result === undefined) return value
  return answered(result(value, { key, count, since, at, by }), path, 'its result')
}

function late(node: StepNode, path: string, key: string, closedAt: number): StepResult {
  const which = `the group ${JSON.stringify(key)}`
  const when = new Date(closedAt).toISOString()
  if (node.options['late'] === 'filter')
    return { kind: 'end', ending: 'filtered', reason: `${which} of "${node.name}" was complete at ${when}` }
  throw new LinkspanError(
    'AGGREGATE_CLOSED',
    `The message came too late for the step "${path}": ${which} was complete at ${when}. Drop it, or redeliver it when the key is open again.`,
    { details: { path, key, closedAt }, retry: 'never' },
  )
}
