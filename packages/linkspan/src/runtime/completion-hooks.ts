import { ensureError, LinkspanError, type StoredError } from '../model/errors.ts'
import { type FlowDefinition, stepPath } from '../model/flow-definition.ts'
import type { Ending } from '../model/message.ts'
import { patternsByKind } from '../patterns/index.ts'
import { settled } from './json.ts'

/** What a flow wants done when its messages have come to their end; null where it wants nothing. */
export type Hooks = ((ending: Ending) => readonly string[]) | null

/** An end of a message, as the hooks of its flow get it, beside its body. */
export interface HookEnd {
  readonly ending: Ending
  readonly reason: string
  readonly error: StoredError | null
}

/** The paths of the scopes that children run when a message of a flow has ended so. */
export function hooksOf({ steps }: FlowDefinition): Hooks {
  const hooks = steps.flatMap((node) => {
    const { endsWith } = patternsByKind.get(node.kind) ?? {}
    return endsWith === undefined ? [] : [{ node, endsWith }]
  })
  if (hooks.length === 0) return null
  return (ending) =>
    hooks.flatMap(({ node, endsWith }) => (endsWith(node, ending) ? [stepPath('', node.name)] : []))
}

/**
 * The body of a message as its hooks get it, which is JSON as every child's.
 * @throws {LinkspanError} `BODY_INVALID` when the flow's schema has made something of it that JSON cannot say.
 */
export function hookBody(flow: string, body: unknown): unknown {
  try {
    return settled(body) ?? null
  } catch (cause) {
    throw new LinkspanError(
      'BODY_INVALID',
      `The flow "${flow}" has hooks on completion, which are handed the body as JSON, and what its schema makes of this body is none: ${ensureError(cause).message} Let the schema keep what is JSON, and convert in a step.`,
      { cause },
    )
  }
}
