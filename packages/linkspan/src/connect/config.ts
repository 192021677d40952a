import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../model/duration.ts'
import { isLinkspanError } from '../model/errors.ts'

/** Reads one value of a configuration; throws an `Error` whose message says what is expected. */
export type Reader<T> = (value: unknown) => T

/** One reader per option. Options whose value is absent are read as `undefined`. */
export type Readers<T> = { readonly [K in keyof T]-?: Reader<T[K]> }

/**
 * A Standard Schema for a configuration of plain options, so that a connector needs no schema library.
 * All problems are reported at once, with the option's name; names that are no option are refused.
 * Values are not repeated in messages, since any of them may be a secret.
 */
export function configSchema<T extends object>(readers: Readers<T>): StandardSchemaV1<unknown, T> {
  return { '~standard': { version: 1, vendor: 'linkspan', validate: (value) => readObject(readers, value) } }
}

/** Reads an object inside a configuration by the readers of its options. */
export function object<T extends object>(readers: Readers<T>): Reader<T> {
  return (value) => {
    const result = readObject(readers, value)
    if (result.issues) throw new Problems(result.issues)
    return result.value
  }
}

class Problems extends Error {
  readonly issues: readonly StandardSchemaV1.Issue[]

  constructor(issues: readonly StandardSchemaV1.Issue[]) {
    super('is not usable')
    this.issues = issues
  }
}

function readObject<T extends object>(
  readers: Readers<T>,
  given: unknown,
):
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaV1.Issue[] } {
  const value = given ?? {}
  if (typeof value !== 'object' || Array.isArray(value))
    return { issues: [{ message: 'must be an object of options' }] }
  const issues: StandardSchemaV1.Issue[] = strangers(readers, value)
  const read: Record<string, unknown> = {}
  for (const [name, reader] of Object.entries(readers) as [string, Reader<unknown>][]) {
    try {
      const option = reader((value as Record<string, unknown>)[name])
      if (option !== undefined) read[name] = option
    } catch (error) {
      issues.push(...issuesOf(name, error))
    }
  }
  return issues.length > 0 ? { issues } : { value: read as T }
}

function strangers(readers: object, value: object): StandardSchemaV1.Issue[] {
  return Object.keys(value)
    .filter((name) => !Object.hasOwn(readers, name))
    .map((name) => ({ path: [name], message: `is no option; there are ${Object.keys(readers).join(', ')}` }))
}

function issuesOf(name: string, error: unknown): StandardSchemaV1.Issue[] {
  if (error instanceof Problems) {
    return error.issues.map(({ message, path }) => ({ message, path: [name, ...(path ?? [])] }))
  }
  if (error instanceof Error) return [{ path: [name], message: error.message }]
  throw error
}

/** An option that may be left out. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value))
}

/** An option that has a value where none is given. */
export function withDefault<T>(reader: Reader<T>, fallback: T): Reader<T> {
  return (value) => (value === undefined ? fallback : reader(value))
}

/** A text of at least one character. */
export const text: Reader<string> = (value) => {
  if (typeof value === 'string' && value !== '') return value
  throw new Error('must be a text that is not empty')
}

/** True or false; the words too, since `env()` gives texts. */
export const flag: Reader<boolean> = (value) => {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new Error('must be true or false')
}

/** A whole number within bounds; digits in a text too, since `env()` gives texts. */
export function whole(from: number, to: number): Reader<number> {
  return (value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= from && number <= to)
      return number
    throw new Error(`must be a whole number from ${from} to ${to}`)
  }
}

/** A duration, in milliseconds. */
export const duration: Reader<number> = (value) => {
  try {
    return durationMs(value as Duration)
  } catch (error) {
    if (!isLinkspanError(error)) throw error
    throw new Error(
      'must be a duration: milliseconds as a number, or a number with ms, s, m, h or d, as in "30s"',
    )
  }
}

/** One of some words. */
export function oneOf<const W extends string>(...words: readonly W[]): Reader<W> {
  return (value) => {
    if (words.includes(value as W)) return value as W
    throw new Error(`must be ${words.map((word) => `"${word}"`).join(' or ')}`)
  }
}

/** An object of texts by name. */
export const texts: Reader<Readonly<Record<string, string>>> = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('must be an object of names and texts')
  }
  const wrong = Object.entries(value).find(([, entry]) => typeof entry !== 'string')
  if (wrong) throw new Error(`must be an object of names and texts, and "${wrong[0]}" is no text`)
  return value as Readonly<Record<string, string>>
}
