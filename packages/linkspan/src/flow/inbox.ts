import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { SourceDeclaration } from '../connect/connector.ts'

/**
 * A source that only `engine.send` and `engine.request` feed. With a schema each body is checked before it is
 * accepted, and the flow begins with what the schema makes of it.
 *
 * @example
 * ```ts
 * import { flow, inbox } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
 * ```
 */
export function inbox<T>(): SourceDeclaration<T>
export function inbox<S extends StandardSchemaV1>(
  schema: S,
): SourceDeclaration<StandardSchemaV1.InferOutput<S>>
export function inbox(schema?: StandardSchemaV1): SourceDeclaration<unknown> {
  const declaration = { kind: 'push', connector: 'inbox', name: 'inbox', options: {} } as const
  return schema === undefined ? declaration : { ...declaration, schema }
}
