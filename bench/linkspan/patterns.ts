/**
 * What each measured pattern adds to the relay: before the delivery where the message goes on, behind it where it may end.
 * The functions given to the steps do next to nothing, so that what is measured is the step.
 */
import { channel, event, type Facts, type Flow, flow, type NoNames, type Steps } from 'linkspan'
import type { Operation } from 'linkspan/connect'
import { z } from 'zod'
import type { Order, Shipment } from '../workload/order.ts'
import type { MixName, PatternName } from './pattern-names.ts'

/** The relay as of the transformation. */
export type Chain = Steps<Shipment, NoNames, Facts<Order, never>>

/** What is added to the relay. */
export interface Addition {
  readonly before?: (steps: Chain) => unknown
  readonly behind?: (steps: Chain) => unknown
  /** Flows that belong to it. */
  readonly flows?: readonly Flow[]
}

/** How many keys there are of what is kept by key. */
const KEYS = Number(process.env['LINKSPAN_KEYS'] ?? 1_000)

const numberOf = ({ id }: Shipment): number => Number(id.slice(1))
const keyOf = (shipment: Shipment): string => String(numberOf(shipment) % KEYS)
const asChain = (steps: unknown): Chain => steps as Chain

const shipments = channel<Shipment>('shipments')
const told = event<number>('told', { keep: '1m' })
const schema = z.looseObject({ id: z.string(), total: z.number() })

const half = (shipment: Shipment): boolean => numberOf(shipment) % 2 === 0

/** A second call to the sink would be counted as a delivery, so this one stays in the process. */
const local: Operation<Shipment, { readonly total: number }, { readonly kind: 'natural' }> = {
  connection: {
    name: 'local',
    optional: true,
    connector: {
      name: 'local',
      spec: { summary: 'Answers at once.', stability: 'experimental', options: [] },
      config: { '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) } },
      connect: async () => ({}),
    },
  },
  name: 'answer',
  guarantee: { kind: 'natural' },
  run: async (_client, { total }) => ({ total }),
}

/** What each pattern adds. */
export const PATTERNS: Readonly<Record<PatternName, Addition>> = {
  map: { before: (steps) => steps.map('again', (shipment) => ({ ...shipment })) },
  filter: { before: (steps) => steps.filter('all', ({ total }) => total > 0) },
  validate: { before: (steps) => steps.validate('whole', schema) },
  sort: {
    before: (steps) =>
      steps
        .map((shipment) => shipment.items.map((item) => ({ ...item, shipment })))
        .sort('by quantity', (a, b) => b.quantity - a.quantity)
        .map((items) => (items[0] as (typeof items)[number]).shipment),
  },
  claimCheck: {
    before: (steps) =>
      steps
        .claimSet('aside', 'all')
        .map(({ id }) => id)
        .claimGet('back', 'all'),
  },
  log: { before: (steps) => steps.log('seen', ({ id }) => id) },
  stop: { behind: (steps) => steps.stop('enough') },
  choice: {
    before: (steps) =>
      steps.choice('half', (c) =>
        c.when('even', half, (s) => s.map((b) => ({ ...b }))).otherwise((s) => s.map((b) => ({ ...b }))),
      ),
  },
  group: { before: (steps) => steps.group('unit', (s) => s.map((b) => ({ ...b }))) },
  loop: { before: (steps) => steps.loop('thrice', 3, (s) => s.map((b) => ({ ...b }))) },
  routingSlip: {
    before: (steps) =>
      steps.routingSlip(
        'slip',
        () => ['a', 'b'],
        (s) => s.branch('a', (b) => b.map((x) => ({ ...x }))).branch('b', (b) => b.map((x) => ({ ...x }))),
      ),
  },
  dynamicRouter: {
    before: (steps) =>
      steps.dynamicRouter(
        'route',
        (_b, { turn }) => (turn < 2 ? 'a' : null),
        (s) => s.branch('a', (b) => b.map((x) => ({ ...x }))),
      ),
  },
  loadBalance: {
    before: (steps) =>
      steps.loadBalance('turns', (b) =>
        b.target('a', (s) => s.map((x) => ({ ...x }))).target('b', (s) => s.map((x) => ({ ...x }))),
      ),
  },
  try: {
    before: (steps) =>
      steps.try('care', (t) =>
        t.do((s) => s.map((b) => ({ ...b }))).catch('any', 'any', (s) => s.map((b) => ({ ...b }))),
      ),
  },
  saga: {
    before: (steps) =>
      steps.saga('both', (s) =>
        s
          .step('a', (b) => b.map((x) => ({ ...x })), { compensate: (u) => u.map((x) => x) })
          .step('b', (b) => b.map((x) => ({ ...x }))),
      ),
  },
  circuitBreaker: {
    before: (steps) => steps.circuitBreaker('fuse', (s) => s.map((b) => ({ ...b })), { key: keyOf }),
  },
  state: {
    before: (steps) =>
      steps.state('count', { key: keyOf, initial: () => 0, as: 'count' }, (count) => ({
        state: count + 1,
        result: count + 1,
      })),
  },
  dedupe: { before: (steps) => steps.dedupe('once', { by: ({ id }) => id, for: '1h' }) },
  sample: { before: (steps) => steps.sample('every', { every: 1, key: keyOf }) },
  throttle: { before: (steps) => steps.throttle('gently', { max: 100_000, per: '1s', key: keyOf }) },
  aggregate: {
    behind: (steps) =>
      steps.aggregate('ten', {
        key: keyOf,
        initial: () => 0,
        add: (sum: number, { total }) => sum + total,
        complete: { size: 10 },
      }),
  },
  resequence: {
    // Each key's messages come in order, so that nobody waits for long.
    behind: (steps) =>
      steps.resequence('in order', {
        key: keyOf,
        place: (shipment) => Math.floor(numberOf(shipment) / KEYS),
        timeout: '1s',
        late: 'pass',
      }),
  },
  delay: { before: (steps) => steps.delay('a moment', '1ms') },
  raise: {
    behind: (steps) => steps.raise('tell', told, { key: ({ id }) => id, value: ({ total }) => total }),
  },
  waitFor: {
    before: (steps) =>
      steps
        .raise('tell', told, { key: ({ id }) => id, value: ({ total }) => total })
        .waitFor('told', told, { key: ({ id }) => id, as: 'told' }),
  },
  reply: { behind: (steps) => steps.reply('answer', ({ id }) => id) },
  publish: {
    behind: (steps) => steps.publish('on', shipments),
    flows: [
      flow('behind')
        .from(shipments)
        .map('id', ({ id }) => id),
    ],
  },
  onCompletion: {
    behind: (steps) => steps.onCompletion('after', (ended) => ended.map('ending', ({ ending }) => ending)),
  },
  tap: { behind: (steps) => steps.tap('copy', (s) => s.map(({ id }) => id)) },
  split: {
    before: (steps) =>
      steps.split(
        'items',
        ({ items }) => items.slice(0, 2),
        (each) => each.map(({ quantity }) => quantity),
        {
          join: { as: 'sum', initial: () => 0, add: (sum: number, quantity) => sum + quantity },
        },
      ),
  },
  multicast: {
    before: (steps) =>
      steps.multicast('both', (m) =>
        m.branch('a', (s) => s.map(({ id }) => id)).branch('b', (s) => s.map(({ id }) => id)),
      ),
  },
  recipients: {
    before: (steps) =>
      steps.recipients(
        'both',
        () => ['a', 'b'],
        (m) => m.branch('a', (s) => s.map(({ id }) => id)).branch('b', (s) => s.map(({ id }) => id)),
      ),
  },
  process: {
    before: (steps) =>
      steps.process('logic', { uses: { local }, as: 'answer' }, async (shipment, ctx) =>
        ctx.call('local', shipment),
      ),
  },
  call: { before: (steps) => steps.call('ask', local, { as: 'answer' }) },
}

const inTurn = (steps: Chain, names: readonly PatternName[]): Chain =>
  names.reduce((chain, name) => {
    const { before } = PATTERNS[name]
    return before === undefined ? chain : asChain(before(chain))
  }, steps)

/** Twenty steps but for the transformation and the delivery, which every row has. */
const MIXED: readonly PatternName[] = [
  'validate',
  'filter',
  'map',
  'choice',
  'group',
  'loop',
  'routingSlip',
  'dynamicRouter',
  'try',
  'saga',
  'loadBalance',
  'state',
  'dedupe',
  'sample',
  'throttle',
  'claimCheck',
  'log',
  'sort',
]

/** Flows of several patterns. */
export const MIXES: Readonly<Record<MixName, Addition>> = {
  '20 mixed steps': {
    before: (steps) => inTurn(steps, MIXED),
    behind: (steps) => steps.map('id', ({ id }) => id).filter('some', (id) => id !== ''),
  },
  '20 mixed steps, a split among them': {
    before: (steps) => inTurn(steps, [...MIXED, 'split']),
    behind: (steps) => steps.map('id', ({ id }) => id),
  },
  'live keys': {
    before: (steps) => inTurn(steps, ['state', 'sample', 'throttle', 'dedupe']),
    behind: (steps) =>
      steps.aggregate('twenty', {
        key: keyOf,
        initial: () => 0,
        add: (sum: number, { total }) => sum + total,
        complete: { size: 20 },
      }),
  },
}
