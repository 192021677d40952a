import { LinkspanError } from '../model/errors.ts'
import { CONTROL_FLOW } from '../patterns/control.ts'
import type { Flow } from '../patterns/steps.ts'

/** The flows that take what is put on each channel. */
export type Subscribers = ReadonlyMap<string, readonly string[]>

/**
 * Finds who takes what from which channel.
 * @throws {LinkspanError} `CHANNEL_INVALID` when a queue has not exactly one consumer.
 */
export function subscribersOf(flows: readonly Flow[]): Subscribers {
  const subscribers = new Map<string, string[]>()
  const kinds = new Map<string, unknown>()
  for (const { definition, source } of flows) {
    if (definition.name === CONTROL_FLOW) subscribers.set(CONTROL_FLOW, [CONTROL_FLOW])
    if (source.kind !== 'channel') continue
    const present = subscribers.get(source.name) ?? []
    subscribers.set(source.name, [...present, definition.name])
    kinds.set(source.name, source.options['kind'])
  }
  for (const [channel, names] of subscribers) {
    if (kinds.get(channel) !== 'topic' && names.length > 1) throw shared(channel, names)
  }
  for (const flow of flows) {
    for (const [path, code] of flow.code) checkPublished(flow, path, code['channel'], subscribers)
  }
  return subscribers
}

function checkPublished(flow: Flow, path: string, channel: unknown, subscribers: Subscribers): void {
  if (typeof channel !== 'object' || channel === null) return
  const { name, options } = channel as { name: string; options: { kind?: unknown } }
  if (options?.kind === 'topic' || subscribers.has(name)) return
  throw new LinkspanError(
    'CHANNEL_INVALID',
    `Step "${path}" of the flow "${flow.definition.name}" publishes on the queue "${name}", which no flow consumes, so its messages would lie there for ever. Add a flow .from(that channel), or make it a topic.`,
  )
}

function shared(channel: string, names: readonly string[]): LinkspanError {
  return new LinkspanError(
    'CHANNEL_INVALID',
    `The queue "${channel}" is consumed by ${names.length} flows (${names.join(', ')}), but a queue has one. Make it a topic to give each flow its own copy.`,
  )
}
