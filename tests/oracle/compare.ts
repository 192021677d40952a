import type { Case, Outcome, Seen } from './case.ts'

/** Fields in an order of their own, so that texts are equal where the values are. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(
    fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, canonical(each)]),
  )
}

const textOf = (value: unknown): string => JSON.stringify(canonical(value))

/** An outcome as lines of text that are compared: what was seen, in order where the case has one, and the endings. */
export function linesOf({ ordered }: Pick<Case, 'ordered'>, { seen, ends }: Outcome): readonly string[] {
  const lines = seen.map(({ at, body, tick }: Seen) => `${tick ?? ''} ${at} ${textOf(body)}`.trim())
  return [...(ordered ? lines : lines.toSorted()), ['ends', ...ends].join(' ')]
}

/** Whether two outcomes of a case are the same. */
export function isSame(one: Pick<Case, 'ordered'>, a: Outcome, b: Outcome): boolean {
  return linesOf(one, a).join('\n') === linesOf(one, b).join('\n')
}
