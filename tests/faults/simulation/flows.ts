/** The project of a run: between them, the flows use every step, every guarantee and every kind of source. */
import { channel, event, type Flow, fixed, flow, retry } from 'linkspan'
import { schedule } from 'linkspan/schedule'
import { z } from 'zod'
import { begin, type FlowName, type FlowOptions, type Order, onError, sunk } from './beginnings.ts'
import type { Sunk } from './systems.ts'
import { waitingFlows } from './waiting-flows.ts'

/** How often `ticks` runs. */
export const TICK_MS = 30_000
/** How many missed runs of `ticks` are made up at most. */
export const TICKS_MADE_UP = 5
/** The name of a step that is called otherwise in the next version. */
const changing = (name: string, { version }: FlowOptions): string =>
  version === 'this' ? name : `${name} anew`

/** Makes the flows of these names. */
export function flowsOf(names: ReadonlySet<FlowName>, options: FlowOptions): readonly Flow[] {
  const all = {
    ...effectFlows(options),
    ...stepFlows(options),
    ...scopeFlows(options),
    ...passFlows(options),
    ...wayFlows(options),
    ...waitingFlows(options),
    ...otherFlows(options),
  }
  return Object.entries(all).flatMap(([name, make]) => (names.has(name as FlowName) ? [make() as Flow] : []))
}

/** A flow for each guarantee, and chains of them. */
function effectFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { natural, key, verify, none } = options.connected.operations
  return {
    plain: () => begin('plain', options).map('shape', sunk('plain', 'put')).to('put', natural),
    keyed: () => begin('keyed', options).map('shape', sunk('keyed', 'put')).to('put', key),
    verified: () => begin('verified', options).map('shape', sunk('verified', 'put')).to('put', verify),
    bare: () =>
      begin('bare', options).map('shape', sunk('bare', 'put')).to('put', none, { onUnknown: 'inDoubt' }),
    again: () =>
      begin('again', options)
        .map('shape', sunk('again', 'put'))
        .to('put', none, { onUnknown: 'atLeastOnce' }),
    chain: () =>
      begin('chain', options)
        .call('first', none, { input: sunk('chain', 'first'), as: 'first', onUnknown: 'inDoubt' })
        .call(changing('second', options), verify, {
          input: (body, { first }) => ({ ...sunk('chain', 'second')(body), value: first.echo + 1 }),
          as: 'second',
        })
        .to('third', key, {
          input: (body, { second }) => ({ ...sunk('chain', 'third')(body), value: second.echo + 1 }),
        }),
    spare: () =>
      begin('spare', options)
        .to('put', key, {
          input: sunk('spare', 'put'),
          onError: retry({ attempts: 2, backoff: fixed('300ms') }),
          fallback: (failed) => failed.to('instead', natural, { input: sunk('spare', 'instead') }),
        })
        .to('count', natural, { input: sunk('spare', 'count') }),
    mended: () => begin('mended', options).map('shape', sunk('mended', 'put')).to('put', key),
    limited: () =>
      begin('limited', options, { timeLimit: '20s' }).map('shape', sunk('limited', 'put')).to('put', verify),
  }
}

/** Flows of steps that keep or change something inside the engine. */
function stepFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    later: () =>
      begin('later', options)
        .delay('pause', (body) => body.delayMs)
        .to('put', key, { input: sunk('later', 'put') }),
    held: () =>
      begin('held', options)
        .to(changing('before', options), natural, { input: sunk('held', 'before') })
        .delay('pause', (body) => body.delayMs, { hold: true })
        .to(changing('put', options), verify, { input: sunk('held', 'put') }),
    once: () =>
      begin('once', options)
        .dedupe('new', { by: (body) => String(body.same), for: '1000d' })
        .to('put', key, { input: sunk('once', 'put') }),
    counter: () =>
      begin('counter', options)
        .state('count', { key: (body) => body.key, initial: () => 0, as: 'count' }, (count) => ({
          state: count + 1,
          result: count + 1,
        }))
        .to('put', key, { input: (body, { count }) => ({ ...sunk('counter', 'put')(body), value: count }) }),
    ask: () =>
      begin('ask', options)
        .call('look', natural, { input: sunk('ask', 'look'), as: 'seen' })
        .call('load', key, { input: sunk('ask', 'load'), as: 'answer' })
        .reply('answer', (body, { answer, seen }) => ({ n: body.n, echo: answer.echo, ticket: seen.ticket })),
  }
}

/** Flows that make children or branch. */
function scopeFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    parts: () =>
      begin('parts', options)
        .split(
          'items',
          (body) => Array.from({ length: body.items }, (_, item) => ({ ...body, item })),
          (each) =>
            each
              .map('shape', (body) => sunk('parts', 'items/put', body.item)(body))
              .call('put', key, { as: 'answer' })
              .map('echo', (_body, { answer }) => answer.echo),
          { concurrency: 3, join: { as: 'sum', initial: () => 0, add: (sum, echo) => sum + echo } },
        )
        .to('joined', verify, {
          input: (body, { sum }) => ({ ...sunk('parts', 'joined')(body), value: sum }),
        }),
    sieve: () =>
      begin('sieve', options)
        .validate('no poison', wholesome)
        .filter('wanted', (body) => body.fate !== 'filtered')
        .choice('way', (c) =>
          c
            .when(
              'other',
              (body) => body.fate === 'other',
              (other) => other.to('put', key, { input: sunk('sieve', 'way/other/put') }),
            )
            .otherwise((plain) => plain.to('put', natural, { input: sunk('sieve', 'way/otherwise/put') })),
        ),
    fan: () =>
      begin('fan', options)
        .onCompletion(
          'end',
          (ended) => ended.map(({ body }) => body).to('put', key, { input: sunk('fan', 'end/put') }),
          { on: 'success' },
        )
        .multicast('both', (m) =>
          m
            .branch('archive', (s) => s.to('put', natural, { input: sunk('fan', 'both/archive/put') }))
            .branch('chat', (s) => s.to('put', key, { input: sunk('fan', 'both/chat/put') })),
        )
        .tap('copy', (s) => s.to('put', key, { input: sunk('fan', 'copy/put') }))
        .to('put', verify, { input: sunk('fan', 'put') }),
  }
}

/** Flows that repeat, choose, catch and ask within the pass, or ask several and join what they answer. */
function passFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    rounds: () =>
      begin('rounds', options)
        .log('seen', ({ n }) => ({ n }))
        .loop(
          'each',
          (body) => body.items,
          (each) =>
            each.to('put', key, { input: (body, { turn }) => sunk('rounds', `each//${turn + 1}/put`)(body) }),
        )
        .try('care', (t) =>
          t
            .do((s) =>
              s
                .validate('not the first', notTheFirst)
                .to('put', verify, { input: sunk('rounds', 'care/do/put') }),
            )
            .catch('first', 'BODY_INVALID', (s) =>
              s.to('put', key, { input: sunk('rounds', 'care/first/put') }),
            )
            .finally((s) => s.to('put', natural, { input: sunk('rounds', 'care/finally/put') })),
        )
        .choice('enough', (c) =>
          c.when(
            'nothing',
            (body) => body.items === 0,
            (nothing) => nothing.stop('no more'),
          ),
        )
        .group(
          'least',
          (s) =>
            s
              .call('look', natural, { input: sunk('rounds', 'least/look'), as: 'seen' })
              .map('all', (_body, { seen }) => [seen.echo + 2, seen.echo, seen.echo + 1])
              .sort('rising', (a, b) => a - b)
              .map('first', ([first]) => first ?? 0),
          { as: 'least' },
        )
        .to('put', key, { input: (body, { least }) => ({ ...sunk('rounds', 'put')(body), value: least }) }),
    balanced: () =>
      begin('balanced', options).loadBalance('turns', (b) =>
        b
          .target('one', (s) => s.to('put', key, { input: sunk('balanced', 'turns/one/put') }), { weight: 2 })
          .target('other', (s) => s.to('put', verify, { input: sunk('balanced', 'turns/other/put') })),
      ),
    asked: () =>
      begin('asked', options)
        .recipients(
          'ask',
          recipientsOf,
          (r) =>
            r
              .branch('north', (s) =>
                s
                  .call('load', key, { input: sunk('asked', 'ask/north/load'), as: 'seen' })
                  .map((_, { seen }) => seen.echo),
              )
              .branch('south', (s) =>
                s
                  .call('load', verify, { input: sunk('asked', 'ask/south/load'), as: 'seen' })
                  .map((_, { seen }) => seen.echo),
              ),
          { join: { as: 'sum', initial: () => 0, add: (sum, echo) => sum + echo } },
        )
        .to('joined', verify, {
          input: (body, { sum }) => ({ ...sunk('asked', 'joined')(body), value: sum }),
        }),
  }
}

/** Flows that go one of several ways, and that let through only so many. */
function wayFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    routed: () =>
      begin('routed', options)
        .claimSet('put aside', 'order')
        .map('number', ({ n }) => n)
        .claimGet('bring back', 'order')
        .routingSlip('slip', recipientsOf, (r) =>
          r
            .branch('north', (s) =>
              s.to('put', key, {
                input: (body) => sunk('routed', slipPlace(body, 'north'))(body),
              }),
            )
            .branch('south', (s) =>
              s.to('put', verify, {
                input: (body) => sunk('routed', slipPlace(body, 'south'))(body),
              }),
            ),
        )
        .dynamicRouter('way', nextOf, (r) =>
          r
            .branch('first', (s) => s.to('put', key, { input: sunk('routed', 'way//1/first/put') }))
            .branch('then', (s) => s.to('put', natural, { input: sunk('routed', 'way//2/then/put') })),
        ),
    paced: () =>
      begin('paced', options)
        .throttle('gently', { max: 3, per: '5s', key: (body) => body.key })
        .sample('some', { every: SAMPLED, key: (body) => String(body.same) })
        .to('put', key, { input: sunk('paced', 'put') }),
    guarded: () =>
      begin('guarded', options).circuitBreaker(
        'guard',
        (s) =>
          s.throttle('few', { concurrent: 2, hold: true }, (t) =>
            t.to('put', key, { input: sunk('guarded', 'guard/do/few/put') }).to('ship', verify, {
              input: sunk('guarded', 'guard/do/few/ship'),
            }),
          ),
        { window: { calls: 4 }, minimum: 2, openFor: '3s', trials: 1, resume: 5 },
      ),
  }
}

/** The place of the call in one of the branches of a slip; the operator looks for an effect by it. */
export const slipPlace = (order: Order, to: 'north' | 'south'): string =>
  `slip//${recipientsOf(order).indexOf(to) + 1}/${to}/put`

/** Of how many messages `paced` lets one go on. */
export const SAMPLED = 3

const nextOf = ({ same }: Order, { turn }: { readonly turn: number }): 'first' | 'then' | null =>
  turn === 0 ? 'first' : turn === 1 && same > 2 ? 'then' : null

const LISTS = [[], ['north'], ['south'], ['south', 'north']] as const

/** Whom `asked` asks. */
export const recipientsOf = ({ same }: Order): readonly ('north' | 'south')[] => LISTS[same - 1] ?? []

const notTheFirst = z.custom<Order>((value) => (value as Order).same !== 1, 'It is the first.')

const wholesome = z.custom<Order>((value) => (value as Order).fate !== 'poison', 'It is poison.')

/** Flows that are fed by other flows, by the clock and by polling. */
function otherFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { keyOf, missed, bounds, connected } = options
  const { natural, key, verify, none } = connected.operations
  const news = channel<Sunk>('news', { kind: 'topic' })
  const orders = channel<Sunk>('orders', { kind: 'topic' })
  const answered = event<{ value: number }>('answered', { keep: '1000d' })
  return {
    relay: () =>
      begin('relay', options)
        .map('shape', sunk('relay', 'put'))
        .publish('tell', news, { key: (body) => keyOf(body) }),
    relayed: () =>
      flow('relayed', { onError, ...bounds })
        .from(news)
        .to('put', verify, { input: (body) => ({ ...body, flow: 'relayed' }) }),
    heard: () =>
      flow('heard', { onError, ...bounds })
        .from(news, { key: keyOf })
        .to('put', natural, { input: (body) => ({ ...body, flow: 'heard' }) }),
    waits: () =>
      begin('waits', options)
        .publish('ask', orders, { body: sunk('waits', 'put') })
        .waitFor('answer', answered, { key: ({ n }) => n, as: 'answer' })
        .to('put', key, {
          input: (body, { answer }) => ({ ...sunk('waits', 'put')(body), value: answer.value }),
        }),
    managed: () =>
      begin('managed', options).process(
        'do',
        {
          uses: { put: key, ship: verify, tell: { operation: none, onUnknown: 'inDoubt' }, orders, answered },
          as: 'done',
        },
        async (body, ctx) => {
          ctx.publish('orders', sunk('managed', 'put')(body))
          const answer = ctx.waitFor('answered', body.n)
          const both = Promise.all([
            ctx.call('ship', sunk('managed', 'do//1/ship')(body)),
            ctx.call('put', sunk('managed', 'do//1/put')(body)),
          ])
          const fast = await Promise.race([both.then(() => true), ctx.sleep('short', body.delayMs)])
          if (fast === true) await ctx.sleep('long', body.delayMs * 2)
          const { echo } = await ctx.call('put', sunk('managed', 'do//2/put')(body))
          await both
          const { value } = await answer
          await ctx.call('tell', { ...sunk('managed', 'do//1/tell')(body), value: value + echo })
        },
      ),
    // Under another key, so that it is often another engine that wakes who waits.
    raised: () =>
      flow('raised', { onError, ...bounds })
        .from(orders, { key: (body) => keyOf({ key: `${body.key}!` }) })
        .to('put', natural, { input: (body) => ({ ...body, flow: 'raised' }) })
        .raise('tell', answered, { key: ({ n }) => n, value: ({ value }) => ({ value }) }),
    ticks: () =>
      flow('ticks', { onError, ...bounds })
        .from(schedule(TICK_MS, { missed, maxMissed: TICKS_MADE_UP }), { key: () => keyOf({ key: 'tick' }) })
        .to('put', key, {
          input: ({ scheduledAt, previousAt, missed }) => ({
            flow: 'ticks',
            n: Date.parse(scheduledAt),
            key: 'tick',
            step: 'put',
            item: previousAt ?? '',
            value: missed,
          }),
        }),
    feed: () =>
      flow('feed', { onError, ...bounds })
        .from(connected.feed, { key: keyOf })
        .to('put', key),
  }
}
