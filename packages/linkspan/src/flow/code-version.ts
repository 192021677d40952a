import { createHash } from 'node:crypto'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { FlowDefinition, StepCode } from '../model/flow-definition.ts'

const LENGTH = 12
const MAX_DEPTH = 12

/**
 * A flow's code version: 12 hexadecimal digits over its definition, its schemas and the text of all its functions, the
 * same in every run of the same code. Its summary and settings do not count, as they change nothing that a step does.
 * What functions close over is not seen (a constant of another file, say), nor what a schema checks when its library
 * cannot say so as JSON Schema: the project's `version` is for that.
 */
export function codeVersion(
  definition: FlowDefinition,
  code: ReadonlyMap<string, StepCode>,
  own: StepCode,
): string {
  const { summary: _told, settings: _tuned, ...behaviour } = definition
  const hash = createHash('sha256').update(JSON.stringify(behaviour))
  const all: readonly (readonly [string, StepCode])[] = [['', own], ...code]
  for (const [path, step] of all) {
    hash.update(`\n${JSON.stringify(path)}\n`)
    for (const role of Object.keys(step).sort()) hash.update(`${role}=${textOf(step[role], MAX_DEPTH)}\n`)
  }
  return hash.digest('hex').slice(0, LENGTH)
}

function textOf(value: unknown, depth: number): string {
  if (isSchema(value)) return schemaText(value)
  if (typeof value === 'function') return Function.prototype.toString.call(value)
  if (typeof value !== 'object' || value === null) return `${typeof value}:${String(value)}`
  if (depth === 0) return '…'
  if (Array.isArray(value)) return `[${value.map((item) => textOf(item, depth - 1)).join(',')}]`
  return `{${objectText(value, depth)}}`
}

/** An object of another make is told by the name of what made it: its insides may differ between runs. */
function objectText(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    return (prototype as { constructor?: { name?: string } }).constructor?.name ?? ''
  const record = value as Readonly<Record<string, unknown>>
  return Object.keys(record)
    .sort()
    .filter((name) => name !== 'connector')
    .map((name) => `${JSON.stringify(name)}:${textOf(record[name], depth - 1)}`)
    .join(',')
}

function isSchema(value: unknown): value is StandardSchemaV1 {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as Partial<StandardSchemaV1>)['~standard']?.validate === 'function'
}

function schemaText(schema: StandardSchemaV1): string {
  const standard = schema['~standard'] as StandardSchemaV1.Props & {
    readonly jsonSchema?: { input(options: { target: string }): unknown }
  }
  try {
    return `${standard.vendor}:${JSON.stringify(standard.jsonSchema?.input({ target: 'draft-2020-12' })) ?? ''}`
  } catch {
    return standard.vendor
  }
}
