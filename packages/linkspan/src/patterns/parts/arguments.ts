import { LinkspanError } from '../../model/errors.ts'

/** The arguments of a method whose name may be left out, sorted. */
export interface Sorted<V, O> {
  readonly name: string | undefined
  readonly value: V | undefined
  readonly options: O | undefined
}

/**
 * Sorts the arguments of a builder method that takes `(name, value, options?)` or `(value)`.
 * @throws {LinkspanError} `FLOW_INVALID` when the first is neither a name nor a value.
 */
export function namedOrNot<V, O>(kind: string, args: readonly unknown[]): Sorted<V, O> {
  const [first, second, third] = args
  if (typeof first === 'string')
    return { name: first, value: second as V | undefined, options: third as O | undefined }
  if (typeof first === 'function' || (typeof first === 'object' && first !== null))
    return { name: undefined, value: first as V, options: undefined }
  throw invalid(
    `${kind}() was given ${shown(first)} as its name. Names are texts, such as .${kind}('a name', …).`,
  )
}

/**
 * Requires a function.
 * @throws {LinkspanError} `FLOW_INVALID` when it is something else.
 */
export function needFunction<V>(value: V, what: string, step: string | undefined): NonNullable<V> {
  if (typeof value === 'function') return value
  throw invalid(`${stepWords(step)}: ${what} must be a function, but it is ${shown(value)}.`)
}

/** A `FLOW_INVALID` error; the builder adds where the step was written. */
export function invalid(message: string, details: Readonly<Record<string, unknown>> = {}): LinkspanError {
  return new LinkspanError('FLOW_INVALID', message, { details })
}

/** A step for the beginning of a message. */
export function stepWords(step: string | undefined): string {
  return step === undefined ? 'A step without a name' : `The step ${JSON.stringify(step)}`
}

/** A value for people: short, and never more of an object than what it is. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 60 ? `the text ${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value)
    case 'function':
      return 'a function'
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}
