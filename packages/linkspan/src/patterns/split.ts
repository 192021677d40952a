import type { Duration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction, shown } from './parts/arguments.ts'
import { checkChildren, spawnChildren } from './parts/children.ts'
import { COLLECT_LIMIT, checkJoin, type GivenJoin, joiner, joinOf, tooLarge } from './parts/joining.ts'
import { areMembers, readStored, type StoredMembers } from './parts/stored-members.ts'
import type { CommonOptions, Pass, Pattern, SpawnPlan, StepContext } from './pattern.ts'
import type { NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Splitter: makes a child message of each item, which runs through the scope by itself, and waits until all have
     * ended. The items are read one at a time and never collected, so there may be millions; a generator function
     * must give the same ones when it is called again. A text is not split into its characters. The members of a group that
     * `aggregate` left in the journal are items too.
     *
     * Without `join` the body stays. `join: 'collect'` binds the children's last bodies as an array to `as`, in the
     * order of the items and at most 10,000; a join with `initial` and `add` folds them one by one, and its result is
     * bound to `as` or, without it, becomes the body (Aggregator).
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const total = flow('total')
     *   .from(inbox<{ lines: { price: number; count: number }[] }>())
     *   .split('lines', (order) => order.lines, (line) => line.map((l) => l.price * l.count), {
     *     join: { as: 'sum', initial: () => 0, add: (sum, amount) => sum + amount },
     *   })
     *   .map('summary', (order, { sum }) => `${order.lines.length} lines, ${sum} in all`)
     * ```
     */
    split<I, O, H extends FlowFacts, K extends string = never, A = never>(
      name: string,
      items: (body: B, ctx: Context<N>) => Iterable<I> | StoredMembers<I>,
      scope: (item: Steps<I, N, F>) => Ended<O, H>,
      options: SplitOptions & (NotJoined | Collected<K, N> | Folded<O, A, K, N>),
    ): [K] extends [never]
      ? [A] extends [never]
        ? Steps<B, N, F>
        : Steps<A, N, F>
      : Placed<B, N, F, K, [A] extends [never] ? O[] : A>
    split<I, O, H extends FlowFacts>(
      name: string,
      items: (body: B, ctx: Context<N>) => Iterable<I> | StoredMembers<I>,
      scope: (item: Steps<I, N, F>) => Ended<O, H>,
    ): Steps<B, N, F>
  }
}

/** How the children of a split run. */
export interface SplitOptions extends CommonOptions {
  /** The most children that run at once. @default the flow's concurrency */
  readonly concurrency?: number
  /** Whether the first failed child ends the making of more and fails this message. @default false */
  readonly stopOnError?: boolean
  /**
   * How long all children together have. Then no more are made, those that have not ended begin with nothing more and are
   * dropped, and the message goes on with the others. @default as long as they take
   */
  readonly timeout?: Duration
}

/** A split whose children's last bodies nobody keeps. */
export interface NotJoined {
  readonly join?: undefined
  readonly as?: undefined
}

/** A split whose children's last bodies become an array. */
export interface Collected<K extends string, N> {
  readonly join: 'collect'
  /** The name that the array is bound to. */
  readonly as: NewName<K, N>
}

/** A split whose children's last bodies are folded into one value. */
export interface Folded<O, A, K extends string, N> {
  readonly join: Join<O, A, K, N>
  readonly as?: undefined
}

/** How the last bodies of the children that are done become one value, in the order of the items. */
export interface Join<O, A, K extends string, N> {
  /** The name that the value is bound to; without it, it becomes the body. */
  readonly as?: NewName<K, N>
  readonly initial: () => A
  /** Adds a child's last body; `index` is the child's place among its siblings. Synchronous and pure. */
  readonly add: (joined: A, output: O, index: number) => NoInfer<A>
}

type Items = (body: unknown, ctx: StepContext) => unknown
type GivenSplit = SplitOptions & GivenJoin

/** The `split` step. */
export const split: Pattern = {
  kind: 'split',
  stepClass: 'scope',
  summary: 'Makes a child of each item, and joins what they end with (Splitter, Aggregator).',
  methods: {
    split: (draft, name: string, items: Items, scope: (item: never) => unknown, given: GivenSplit = {}) => {
      const inner = draft.scope(needFunction(scope, 'the scope of split()', name), { children: true })
      const join = checkJoin(given, name)
      return draft.add({
        kind: 'split',
        name,
        options: { ...join.options, ...checkChildren(given, name) },
        code: { items: needFunction(items, 'the items of split()', name), ...join.code },
        scopes: [{ name: '', label: 'each', draft: inner }],
        common: given,
        binds: join.binds,
      })
    },
  },
  drawn: 'children',
  compile(node, code, { path, entry }) {
    const child = entry('')
    const join = joinOf(node, code, path)
    const placeJoined = joiner(node, path)
    const items = code['items'] as Items
    return async (pass) => {
      const bodies = bodiesOf(items, pass, path, node.options['join'])
      await spawnChildren(
        pass,
        { path, scopeOf: () => child, bodies, keepOutputs: join !== undefined },
        node.options,
      )
      if (join) await placeJoined(pass, join)
      return undefined
    }
  },
}

function bodiesOf(items: Items, pass: Pass, path: string, join: unknown): SpawnPlan['bodies'] {
  const { body } = pass
  return () => {
    const given = answered(items(body, pass.enter(path)), path, 'its items')
    if (areMembers(given)) {
      if (join === 'collect' && given.count > COLLECT_LIMIT) throw tooLarge(path)
      return readStored(pass, path, given)
    }
    if (typeof given === 'string' || !isIterable(given)) throw notIterable(given, path)
    return join === 'collect' ? collectable(given, path) : given
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof (value as { [Symbol.iterator]?: unknown } | null | undefined)?.[Symbol.iterator] === 'function'
  )
}

function notIterable(value: unknown, path: string): LinkspanError {
  const hint = typeof value === 'string' ? 'a text: split it yourself, as in text.split("\\n")' : shown(value)
  return new LinkspanError(
    'SPLIT_NOT_ITERABLE',
    `The split "${path}" needs an array or another iterable of items, but its function answered ${hint}.`,
    { details: { path } },
  )
}

function* collectable(items: Iterable<unknown>, path: string): Generator<unknown> {
  let count = 0
  for (const item of items) {
    if (++count > COLLECT_LIMIT) throw tooLarge(path)
    yield item
  }
}
