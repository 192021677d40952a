import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { SourceDeclaration } from '../connect/connector.ts'
import type { Headers } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { checked } from './parts/checked.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Message Channel: puts a message on a durable channel, committed once with this pass. What the channel's schema
     * makes of it is what the flows behind the channel get; one that does not fit fails this step with `BODY_INVALID`.
     * `body` may be left out when the body is what the channel carries. The body stays.
     *
     * @example
     * ```ts
     * import { channel, flow, inbox } from 'linkspan'
     * const orders = channel<{ order: string }>('orders', { kind: 'topic' })
     * const sell = flow('sell')
     *   .from(inbox<{ id: string; paid: boolean }>())
     *   .publish('sold', orders, { body: (sale) => ({ order: sale.id }), key: (sale) => sale.id })
     * const ship = flow('ship').from(orders).map('text', (sold) => `ship ${sold.order}`)
     * ```
     */
    publish<T, In>(
      name: string,
      channel: Channel<T, In>,
      options: PublishSettings<B, N> & PublishedBody<B, N, NoInfer<In>>,
    ): Steps<B, N, F>
    publish<T, In>(name: string, channel: Carrying<B, T, In>): Steps<B, N, F>
  }
}

/** A durable queue or topic between flows: flows publish `In` to it, and those behind it get `T`. */
export interface Channel<T, In = T> extends SourceDeclaration<T> {
  readonly kind: 'channel'
  /** Phantom: what may be published. Never set. */
  readonly __in?: (body: In) => void
}

/** How a message is put on a channel. */
export interface PublishSettings<B, N> extends CommonOptions {
  /** The key of the message on the channel. @default what the flow behind the channel derives */
  readonly key?: (body: B, ctx: Context<N>) => string | number | null | undefined
  /** The headers of the message on the channel. @default none */
  readonly headers?: Headers | ((body: B, ctx: Context<N>) => Headers)
}

/** The message's body where this body is not what the channel carries. */
export interface BodyNeeded<B, N, In> {
  /** Makes the message's body of the body. Synchronous and pure. */
  readonly body: (body: B, ctx: Context<N>) => In
}

/** The message's body where this body is what the channel carries. */
export interface BodyOptional<B, N, In> {
  /** Makes the message's body of the body. Synchronous and pure. @default the body */
  readonly body?: (body: B, ctx: Context<N>) => In
}

/** The option `body` that a publish needs. */
export type PublishedBody<B, N, In> = [B] extends [In] ? BodyOptional<B, N, In> : BodyNeeded<B, N, In>

/** What a channel must be for a publish without options; a text says which option it lacks. */
export type Carrying<B, T, In> = [B] extends [In]
  ? Channel<T, In>
  : 'this publish needs the option body, as the body is not what the channel carries'

type OfBody<V> = (body: unknown, ctx: StepContext) => V

interface GivenPublish extends CommonOptions {
  readonly body?: OfBody<unknown>
  readonly key?: OfBody<string | number | null | undefined>
  readonly headers?: Headers | OfBody<Headers>
}

/** The `publish` step. */
export const publish: Pattern = {
  kind: 'publish',
  stepClass: 'stateful',
  summary: 'Puts a message on a durable channel (Message Channel).',
  methods: {
    publish: (draft, name: string, channel: Channel<unknown>, given: GivenPublish = {}) => {
      if (typeof channel !== 'object' || channel?.kind !== 'channel')
        throw invalid(`${stepWords(name)} needs a channel as its second argument, but got ${shown(channel)}.`)
      const { body, key, headers } = given
      return draft.add({
        kind: 'publish',
        name,
        options: { channel: channel.name },
        code: {
          channel,
          ...(body === undefined ? {} : { body: needFunction(body, 'the option body', name) }),
          ...(key === undefined ? {} : { key: needFunction(key, 'the option key', name) }),
          ...(headers === undefined ? {} : { headers }),
        },
        common: given,
      })
    },
  },
  compile(_node, code, { path }) {
    const channel = code['channel'] as Channel<unknown>
    const schema: StandardSchemaV1 | undefined = channel.schema
    const given = code as GivenPublish
    return (pass) => {
      const context = pass.enter(path)
      const { body } = pass
      const made = given.body ? answered(given.body(body, context), path, 'its body') : body
      const key = given.key ? answered(given.key(body, context), path, 'its key') : null
      const headers = headersOf(given.headers, body, context, path)
      const carried = schema === undefined ? made : checked(schema, made, path)
      pass.publish(path, channel.name, carried, {
        key: key === null || key === undefined ? null : String(key),
        headers,
      })
      return undefined
    }
  },
}

/** The headers of what is put on a channel. */
export interface PublishedHeaders {
  readonly headers?: Headers | OfBody<Headers>
}

/** The headers that a step states, their names in lower case and their values as texts. */
export function headersOf(
  given: PublishedHeaders['headers'],
  body: unknown,
  context: StepContext,
  path: string,
): Headers {
  const headers = typeof given === 'function' ? answered(given(body, context), path, 'its headers') : given
  if (headers === undefined) return {}
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
  )
}
