/** The project of a run: between them, the flows use every step, every guarantee and every kind of source. */
import { channel, deadLetter, exponential, type Flow, fixed, flow, inbox, retry, rules, when } from 'linkspan'
import type { Duration } from 'linkspan/connect'
import { schedule } from 'linkspan/schedule'
import { z } from 'zod'
import type { Connected } from './operations.ts'
import type { Sunk } from './systems.ts'

/** A message as it is sent. */
export interface Order {
  /** The same number is the same message, also when it is sent again. */
  readonly n: number
  readonly key: string
  /** How many items it has, for a split. */
  readonly items: number
  readonly delayMs: number
  /** What `dedupe` takes for the same. */
  readonly same: number
  readonly fate: 'plain' | 'other' | 'filtered' | 'poison'
}

/** Flows that are sent to. */
export const SENT_TO = [
  'plain',
  'keyed',
  'verified',
  'bare',
  'again',
  'chain',
  'parts',
  'later',
  'held',
  'once',
  'counter',
  'relay',
  'ask',
  'sieve',
  'fan',
  'spare',
  'mended',
  'limited',
] as const
export type SentTo = (typeof SENT_TO)[number]

/** Flows that are fed otherwise: by a channel, by the clock, by polling. */
export type FlowName = SentTo | 'relayed' | 'heard' | 'ticks' | 'feed'

/** How the flows are made. */
export interface FlowOptions {
  readonly connected: Connected
  /** The key of a message; null where order is not kept. */
  readonly keyOf: (body: { readonly key: string }) => string | null
  readonly missed: 'once' | 'all'
  /** How much of a flow runs and is kept in memory at once; what is beyond waits in the journal. */
  readonly bounds: { readonly concurrency: number; readonly window: number }
  /** Which of two deployments: the other one has a step more, of which nothing is on record. */
  readonly deployed: 'first' | 'second'
}

/** How often `ticks` runs. */
export const TICK_MS = 30_000
/** How many missed runs of `ticks` are made up at most. */
export const TICKS_MADE_UP = 5
/** The value of a message's effect. */
export const worth = (n: number): number => n * 7 + 1

const onError = rules(
  when('BODY_INVALID', deadLetter()),
  when('CALL_REJECTED', deadLetter()),
  retry({ attempts: 10_000, backoff: exponential('100ms', '5s') }),
)

/** What a step sends of a message. */
function sunk(name: FlowName, step: string, item: string | number = '') {
  return (body: Order): Sunk => ({
    flow: name,
    n: body.n,
    key: body.key,
    step,
    item: String(item),
    value: worth(body.n),
  })
}

/** Makes the flows of these names. */
export function flowsOf(names: ReadonlySet<FlowName>, options: FlowOptions): readonly Flow[] {
  const all = {
    ...effectFlows(options),
    ...stepFlows(options),
    ...scopeFlows(options),
    ...otherFlows(options),
  }
  return Object.entries(all).flatMap(([name, made]) => (names.has(name as FlowName) ? [made as Flow] : []))
}

function begin(
  name: FlowName,
  { keyOf, bounds, deployed }: FlowOptions,
  settings: { readonly timeLimit?: Duration } = {},
) {
  const begun = flow(name, { onError, ...bounds, ...settings }).from(inbox<Order>(), {
    key: keyOf,
    index: { n: (body) => body.n },
    dedupeFor: '1000d',
  })
  return deployed === 'first' ? begun : begun.map('passed on', (body) => body)
}

/** A flow for each guarantee, and chains of them. */
function effectFlows(options: FlowOptions): Partial<Record<FlowName, unknown>> {
  const { natural, key, verify, none } = options.connected.operations
  return {
    plain: begin('plain', options).map('shape', sunk('plain', 'put')).to('put', natural),
    keyed: begin('keyed', options).map('shape', sunk('keyed', 'put')).to('put', key),
    verified: begin('verified', options).map('shape', sunk('verified', 'put')).to('put', verify),
    bare: begin('bare', options).map('shape', sunk('bare', 'put')).to('put', none, { onUnknown: 'inDoubt' }),
    again: begin('again', options)
      .map('shape', sunk('again', 'put'))
      .to('put', none, { onUnknown: 'atLeastOnce' }),
    chain: begin('chain', options)
      .call('first', none, { input: sunk('chain', 'first'), as: 'first', onUnknown: 'inDoubt' })
      .call('second', verify, {
        input: (body, { first }) => ({ ...sunk('chain', 'second')(body), value: first.echo + 1 }),
        as: 'second',
      })
      .to('third', key, {
        input: (body, { second }) => ({ ...sunk('chain', 'third')(body), value: second.echo + 1 }),
      }),
    spare: begin('spare', options)
      .to('put', key, {
        input: sunk('spare', 'put'),
        onError: retry({ attempts: 2, backoff: fixed('300ms') }),
        fallback: (failed) => failed.to('instead', natural, { input: sunk('spare', 'instead') }),
      })
      .to('count', natural, { input: sunk('spare', 'count') }),
    mended: begin('mended', options).map('shape', sunk('mended', 'put')).to('put', key),
    limited: begin('limited', options, { timeLimit: '20s' })
      .map('shape', sunk('limited', 'put'))
      .to('put', verify),
  }
}

/** Flows of steps that keep or change something inside the engine. */
function stepFlows(options: FlowOptions): Partial<Record<FlowName, unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    later: begin('later', options)
      .delay('pause', (body) => body.delayMs)
      .to('put', key, { input: sunk('later', 'put') }),
    held: begin('held', options)
      .to('before', natural, { input: sunk('held', 'before') })
      .delay('pause', (body) => body.delayMs, { hold: true })
      .to('put', verify, { input: sunk('held', 'put') }),
    once: begin('once', options)
      .dedupe('new', { by: (body) => String(body.same), for: '1000d' })
      .to('put', key, { input: sunk('once', 'put') }),
    counter: begin('counter', options)
      .state('count', { key: (body) => body.key, initial: () => 0, as: 'count' }, (count) => ({
        state: count + 1,
        result: count + 1,
      }))
      .to('put', key, { input: (body, { count }) => ({ ...sunk('counter', 'put')(body), value: count }) }),
    ask: begin('ask', options)
      .call('look', natural, { input: sunk('ask', 'look'), as: 'seen' })
      .call('load', key, { input: sunk('ask', 'load'), as: 'answer' })
      .reply('answer', (body, { answer, seen }) => ({ n: body.n, echo: answer.echo, ticket: seen.ticket })),
  }
}

/** Flows that make children or branch. */
function scopeFlows(options: FlowOptions): Partial<Record<FlowName, unknown>> {
  const { natural, key, verify } = options.connected.operations
  return {
    parts: begin('parts', options)
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
    sieve: begin('sieve', options)
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
    fan: begin('fan', options)
      .multicast('both', (m) =>
        m
          .branch('archive', (s) => s.to('put', natural, { input: sunk('fan', 'both/archive/put') }))
          .branch('chat', (s) => s.to('put', key, { input: sunk('fan', 'both/chat/put') })),
      )
      .tap('copy', (s) => s.to('put', key, { input: sunk('fan', 'copy/put') }))
      .to('put', verify, { input: sunk('fan', 'put') }),
  }
}

const wholesome = z.custom<Order>((value) => (value as Order).fate !== 'poison', 'It is poison.')

/** Flows that are fed by other flows, by the clock and by polling. */
function otherFlows(options: FlowOptions): Partial<Record<FlowName, unknown>> {
  const { keyOf, missed, bounds, connected } = options
  const { natural, key, verify } = connected.operations
  const news = channel<Sunk>('news', { kind: 'topic' })
  return {
    relay: begin('relay', options)
      .map('shape', sunk('relay', 'put'))
      .publish('tell', news, { key: (body) => keyOf(body) }),
    relayed: flow('relayed', { onError, ...bounds })
      .from(news)
      .to('put', verify, { input: (body) => ({ ...body, flow: 'relayed' }) }),
    heard: flow('heard', { onError, ...bounds })
      .from(news, { key: keyOf })
      .to('put', natural, { input: (body) => ({ ...body, flow: 'heard' }) }),
    ticks: flow('ticks', { onError, ...bounds })
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
    feed: flow('feed', { onError, ...bounds })
      .from(connected.feed, { key: keyOf })
      .to('put', key),
  }
}
