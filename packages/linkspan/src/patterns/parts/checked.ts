import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LinkspanError } from '../../model/errors.ts'
import { answered } from './answered.ts'
import { invalid, shown, stepWords } from './arguments.ts'

const SHOWN_ISSUES = 5

/**
 * What a schema makes of a value.
 * @throws {LinkspanError} `BODY_INVALID` with the issues and their paths; `STEP_ASYNC` when the schema is asynchronous.
 */
export function checked(schema: StandardSchemaV1, value: unknown, path: string): unknown {
  const result = answered(schema['~standard'].validate(value), path, 'its schema')
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path: at = [] }) => ({ path: pathText(at), message }))
  throw new LinkspanError('BODY_INVALID', invalidText(issues, path), { details: { path, issues } })
}

function invalidText(
  issues: readonly { readonly path: string; readonly message: string }[],
  path: string,
): string {
  const listed = issues.slice(0, SHOWN_ISSUES).map((issue) => `${issue.path || 'the body'}: ${issue.message}`)
  const more = issues.length > SHOWN_ISSUES ? `; and ${issues.length - SHOWN_ISSUES} more` : ''
  return `The body does not fit the schema of "${path}": ${listed.join('; ')}${more}`
}

function pathText(path: readonly (PropertyKey | StandardSchemaV1.PathSegment)[]): string {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part))
  return keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

/** Requires a Standard Schema. */
export function needSchema(value: unknown, step: string | undefined): StandardSchemaV1 {
  const standard = (value as Partial<StandardSchemaV1> | null | undefined)?.['~standard']
  if (typeof standard?.validate === 'function') return value as StandardSchemaV1
  throw invalid(
    `${stepWords(step)} needs a schema (zod, valibot, arktype or another Standard Schema), but got ${shown(value)}.`,
  )
}
