/** The project under torture: a flow for each thing that a crash could spoil, over HTTP only. */
import {
  channel,
  type Duration,
  deadLetter,
  exponential,
  type Flow,
  flow,
  retry,
  rules,
  when,
} from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { route } from 'linkspan/serve'
import { z } from 'zod'
import { DELAY_MS, type FlowName, type Posted, type Sunk, shaped, sieved } from './protocol.ts'

/** What a sink answers. */
interface Echo {
  readonly echo: number
}

const sinks = httpConnection('sinks')
/** A way of its own to the same sinks, on which the network may repeat requests. */
const keyed = httpConnection('keyed')
const echo = z.object({ echo: z.number() })
const TIMEOUT = '1s'
const KEYED = { kind: 'key', validFor: '1d', quoted: false } as const

/** The operations as a connector would declare them. */
export const declared = {
  natural: sinks.put({
    name: 'natural',
    path: ({ n, item }: Sunk) => `/natural/${n}-${item}`,
    response: echo,
    timeout: TIMEOUT,
  }),
  key: keyed.post({
    name: 'key',
    path: '/key',
    body: (sunk: Sunk) => sunk,
    response: echo,
    timeout: TIMEOUT,
    guarantee: KEYED,
  }),
  verify: sinks.post({
    name: 'verify',
    path: '/verify',
    headers: (_sunk: Sunk, { mark }) => ({ 'x-mark': mark }),
    response: echo,
    timeout: TIMEOUT,
    guarantee: {
      kind: 'verify',
      settleAfter: '100ms',
      verify: (_sunk, { mark }) => ({
        path: `/verify/${mark}`,
        read: (reply) =>
          reply.status === 404 ? { state: 'absent' } : { state: 'done', result: reply.json() as Echo },
      }),
    },
  }),
  none: sinks.post({
    name: 'none',
    path: '/none',
    body: (sunk: Sunk) => sunk,
    response: echo,
    timeout: TIMEOUT,
    guarantee: { kind: 'none' },
  }),
}

const posted = z.object({ n: z.number().int(), key: z.string(), items: z.number().int().optional() })
const onError = rules(
  when('BODY_INVALID', deadLetter()),
  retry({ attempts: 1_000, backoff: exponential('20ms', '200ms') }),
)

/** How the flows are made; a protection that is switched off changes the parts. */
export interface Parts {
  readonly operations: typeof declared
  /** How long a key of a call, and a delivery, is known again: longer than a clock that the engine goes by is set ahead. */
  readonly knownFor: Duration
  /** The key of a message: null for all of them when order is not kept. */
  readonly keyOf: (body: Posted) => string | null
}

/** Makes the flows. */
export function flowsOf({ operations, keyOf, knownFor }: Parts): readonly Flow[] {
  const { natural, verify, none } = operations
  const key = { ...operations.key, guarantee: { ...KEYED, validFor: knownFor } }
  const begin = (name: FlowName, dedupeBy?: string) =>
    flow(name, { onError }).from(
      route.post(`/${name}`, { schema: posted, ...(dedupeBy === undefined ? {} : { dedupeBy }) }),
      { key: keyOf, dedupeFor: knownFor },
    )
  const sunk =
    (name: FlowName, item = '') =>
    (body: Posted): Sunk => ({ flow: name, n: body.n, key: body.key, item, value: shaped(body.n) })
  const relayed = channel<Sunk>('relayed')

  return [
    begin('natural').map('shape', sunk('natural')).to('sink', natural),
    begin('keyed').map('shape', sunk('keyed')).to('sink', key),
    begin('verified').map('shape', sunk('verified')).to('sink', verify),
    begin('bare').map('shape', sunk('bare')).to('sink', none, { onUnknown: 'inDoubt' }),
    begin('chain')
      .call('first', none, { input: sunk('chain', '1'), as: 'first', onUnknown: 'inDoubt' })
      .call('second', verify, {
        input: (body, { first }) => ({ ...sunk('chain', '2')(body), value: first.echo + 1 }),
        as: 'second',
      })
      .to('third', key, {
        input: (body, { second }) => ({ ...sunk('chain', '3')(body), value: second.echo + 1 }),
      }),
    begin('split')
      .split(
        'items',
        (body) => Array.from({ length: body.items ?? 0 }, (_, item) => ({ ...body, item })),
        (item) =>
          item.call('sink', key, {
            input: (body) => ({ ...sunk('split', String(body.item))(body), value: body.item + 1 }),
          }),
        { join: { as: 'sum', initial: () => 0, add: (sum, { echo }) => sum + echo } },
      )
      .to('joined', key, { input: (body, { sum }) => ({ ...sunk('split', 'joined')(body), value: sum }) }),
    begin('later').delay('wait', DELAY_MS).map('shape', sunk('later')).to('sink', key),
    begin('once', 'x-delivery').map('shape', sunk('once')).to('sink', key),
    begin('first')
      .dedupe('new', { by: (body) => String(body.n), for: knownFor })
      .map('shape', sunk('first'))
      .to('sink', key),
    begin('counter')
      .state('count', { key: (body) => body.key, initial: () => 0, as: 'count' }, (count) => ({
        state: count + 1,
        result: count + 1,
      }))
      .to('sink', key, { input: (body, { count }) => ({ ...sunk('counter')(body), value: count }) }),
    begin('relay')
      .map('shape', sunk('relay'))
      .publish('pass on', relayed, { key: (body) => keyOf(body) }),
    flow('relayed', { onError }).from(relayed).to('sink', key),
    flow('ask', { onError })
      .from(route.post('/ask', { schema: posted, respond: 'reply', replyTimeout: '4s' }), { key: keyOf })
      .call('sink', key, { input: sunk('ask'), as: 'answer' })
      .reply('answer', (body, { answer }) => ({ n: body.n, echo: answer.echo })),
    begin('sieve')
      .validate(
        'no poison',
        posted.refine(({ n }) => sieved(n) !== 'dead'),
      )
      .filter('wanted', (body) => sieved(body.n) === 'done')
      .map('shape', sunk('sieve'))
      .to('sink', natural),
  ]
}
