import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LinkspanError } from '../model/errors.ts'
import { shown } from '../patterns/parts/arguments.ts'
import { needSchema } from '../patterns/parts/checked.ts'
import type { Channel } from '../patterns/publish.ts'
import { checkName } from './names.ts'

/** How a channel hands its messages on. */
export interface ChannelOptions {
  /**
   * `queue`: exactly one flow consumes it. `topic`: each flow that subscribes gets a copy.
   * @default 'queue'
   */
  readonly kind?: 'queue' | 'topic'
}

/**
 * Declares a durable channel between flows: `publish` puts messages on it, `from` reads them. With a schema, what is
 * published is checked, and the flows behind the channel get what the schema makes of it.
 *
 * @throws {LinkspanError} `CHANNEL_INVALID` when the name is no sensible identity or the kind is none of the two.
 * @example
 * ```ts
 * import { channel, flow, inbox } from 'linkspan'
 * const orders = channel<{ id: string }>('orders')
 * const take = flow('take orders').from(inbox<{ id: string }>()).publish('taken', orders)
 * const ship = flow('ship orders').from(orders, { key: (order) => order.id }).map('label', (order) => `to ${order.id}`)
 * ```
 */
export function channel<T>(
  name: string,
  options?: ChannelOptions & { readonly schema?: undefined },
): Channel<T>
export function channel<S extends StandardSchemaV1>(
  name: string,
  options: ChannelOptions & { readonly schema: S },
): Channel<StandardSchemaV1.InferOutput<S>, StandardSchemaV1.InferInput<S>>
export function channel(
  name: string,
  { kind = 'queue', schema }: ChannelOptions & { readonly schema?: StandardSchemaV1 | undefined } = {},
): Channel<unknown> {
  checkName(name, 'channel', 'CHANNEL_INVALID')
  if (kind !== 'queue' && kind !== 'topic')
    throw new LinkspanError(
      'CHANNEL_INVALID',
      `The kind of the channel "${name}" is 'queue' or 'topic', not ${shown(kind)}.`,
    )
  const declaration = { kind: 'channel', connector: 'channel', name, options: { kind } } as const
  return schema === undefined ? declaration : { ...declaration, schema: needSchema(schema, name) }
}
