import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../model/duration.ts'
import { needSchema } from '../patterns/parts/checked.ts'
import type { EventDeclaration } from '../patterns/wait-for.ts'
import { checkName } from './names.ts'

/** How an event is kept. */
export interface EventOptions {
  /** How long one that nobody waits for is kept. @default '1d' */
  readonly keep?: Duration
}

const KEEP: Duration = '1d'

/**
 * Declares an event that messages wait for by key (`waitFor`) and others raise (`raise`). With a schema, what is raised is
 * checked, and those who wait get what the schema makes of it.
 *
 * @throws {LinkspanError} `FLOW_INVALID` when the name is no sensible identity.
 * @example
 * ```ts
 * import { event } from 'linkspan'
 * const approved = event<{ by: string }>('approved', { keep: '30d' })
 * ```
 */
export function event<V>(
  name: string,
  options?: EventOptions & { readonly schema?: undefined },
): EventDeclaration<V>
export function event<S extends StandardSchemaV1>(
  name: string,
  options: EventOptions & { readonly schema: S },
): EventDeclaration<StandardSchemaV1.InferOutput<S>>
export function event(
  name: string,
  { keep = KEEP, schema }: EventOptions & { readonly schema?: StandardSchemaV1 | undefined } = {},
): EventDeclaration<unknown> {
  checkName(name, 'event', 'FLOW_INVALID')
  const declaration = { kind: 'event', name, keepMs: durationMs(keep) } as const
  return schema === undefined ? declaration : { ...declaration, schema: needSchema(schema, name) }
}
