import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { namedOrNot, needFunction, shown } from './parts/arguments.ts'
import type { CommonOptions, Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Sort: goes on with the body's items in order, as a new array. The comparator answers a number as that of
     * `Array.prototype.sort` does; items that it calls equal keep their order. Pure.
     *
     * @throws `STEP_FAILED` when the body is no array or other iterable (a text is none), or the comparator answers
     * something else than a number.
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const oldest = flow('oldest')
     *   .from(inbox<{ id: string; at: number }[]>())
     *   .sort('by age', (a, b) => a.at - b.at)
     *   .map('first', ([first]) => first?.id)
     * ```
     */
    sort(name: string, compare: Comparator<B>, options?: CommonOptions): Steps<ItemOf<B>[], N, F>
    sort(compare: Comparator<B>): Steps<ItemOf<B>[], N, F>
  }
}

/** What a body that is sorted consists of. */
export type ItemOf<B> = B extends string ? never : B extends Iterable<infer I> ? I : never

/** Which of two items comes first: negative for the first one, positive for the second one, 0 when they are equal. */
export type Comparator<B> = [ItemOf<B>] extends [never]
  ? 'sort() needs a body that is an array or another iterable'
  : (a: ItemOf<B>, b: ItemOf<B>) => number

type Compare = (a: unknown, b: unknown) => number

/** The `sort` step. */
export const sort: Pattern = {
  kind: 'sort',
  stepClass: 'pure',
  mayBeUnnamed: true,
  summary: "Puts the body's items in order (Sort).",
  methods: {
    sort: (draft, ...args: [string | Compare, Compare?, CommonOptions?]) => {
      const { name, value, options } = namedOrNot<Compare, CommonOptions>('sort', args)
      const compare = needFunction(value, 'the comparator of sort()', name)
      return draft.add({ kind: 'sort', name, code: { compare }, common: options })
    },
  },
  compile(_node, code, { path }) {
    const compare = code['compare'] as Compare
    return (pass) => {
      pass.enter(path)
      pass.body = itemsOf(pass.body, path).sort((a, b) => numberOf(compare(a, b), path))
      return undefined
    }
  },
}

function itemsOf(body: unknown, path: string): unknown[] {
  if (typeof body === 'object' && body !== null && Symbol.iterator in body)
    return [...(body as Iterable<unknown>)]
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" sorts the items of the body, so the body must be an array or another iterable, not ${shown(body)}.`,
    { details: { path } },
  )
}

function numberOf(given: number, path: string): number {
  const order: unknown = answered(given, path, 'its comparator')
  if (typeof order === 'number' && !Number.isNaN(order)) return order
  throw new LinkspanError(
    'STEP_FAILED',
    `The comparator of "${path}" must answer a number (negative, 0 or positive), but it answered ${shown(order)}.`,
    { details: { path } },
  )
}
