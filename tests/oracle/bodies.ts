/** What steps do to a body: the same as `Bodies.java`. */
import type { Body, Step, Test } from './case.ts'

/** A body that was fine may have become a group's. */
type AnyBody = Partial<Body> & Readonly<Record<string, unknown>>

/** A body with what is given of it. */
export const bodyWith = (set: Partial<Body> = {}): Body => ({
  id: 'm',
  k: 'a',
  n: 1,
  items: [],
  to: [],
  trail: [],
  ...set,
})

export const numberOf = (body: AnyBody): number => body.n ?? 0

export const marked = (body: AnyBody, mark: string): AnyBody => ({
  ...body,
  trail: [...(body.trail ?? []), mark],
})

/** Whether a test is true of a body. */
export function holds(test: Test, body: AnyBody): boolean {
  const n = numberOf(body)
  if ('below' in test) return n < test.below
  const rest = ((n % test.mod) + test.mod) % test.mod
  if (test.throws?.includes(rest)) throw new Error('a test that throws')
  return test.of.includes(rest)
}

/** The bodies of a message's items. */
export const partsOf = (body: AnyBody): readonly AnyBody[] =>
  (body.items ?? []).map((n, index) => ({ ...body, id: `${body.id}.${index}`, n, items: [], trail: [] }))

/** What is kept of a part or copy for a join. */
export const answerOf = ({ n = 0, trail = [] }: AnyBody): AnyBody => ({ n, trail })

/** A comparator of items. */
export function orderOf(by: Extract<Step, { do: 'sort' }>['by']): (a: number, b: number) => number {
  if (by === 'up') return (a, b) => a - b
  if (by === 'down') return (a, b) => b - a
  return (a, b) => (a % by.mod) - (b % by.mod)
}

const IO = 'an io failure'

/** Fails where the step says so. */
export function failWhen({ when, as }: Extract<Step, { do: 'fail' }>, body: AnyBody): void {
  if (holds(when, body)) throw new Error(as === 'io' ? IO : 'a step that fails')
}

/** Whether an error is one that the step calls `io`. */
export const isIo = ({ message }: { readonly message: string }): boolean => message.includes(IO)

/** What a resource answers; throws where it fails. */
export function answeredBy(resource: readonly Step[], asked: AnyBody): AnyBody {
  let body = asked
  for (const step of resource) {
    if (step.do === 'mark') body = marked(body, step.with)
    else if (step.do === 'add') body = { ...body, n: numberOf(body) + step.by }
    else if (step.do === 'fail') failWhen(step, body)
  }
  return body
}

export type { AnyBody }
