/**
 * Type tests of flows, checked by `tsc`: what compiles here must, and what is marked must not.
 * Types are compared for equality, so a type that widens to `any` or `unknown` is noticed.
 */
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import type { Operation } from '../../packages/linkspan/src/connect/connector.ts'
import {
  type Answer,
  type BodyOf,
  type Bound,
  channel,
  type EventDeclaration,
  flow,
  inbox,
  type NamesOf,
} from '../../packages/linkspan/src/flow/index.ts'
import type { StoredError } from '../../packages/linkspan/src/model/errors.ts'
import { retry } from '../../packages/linkspan/src/model/policy.ts'
import type { AcceptsOf, Project, RepliesOf } from '../../packages/linkspan/src/runtime/engine-api.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Body<S, Expected> = Equal<BodyOf<S>, Expected>
type Names<S, Expected> = Equal<NamesOf<S>, Expected>
/** Each must be `true`. */
export type Check<T extends true> = T

interface Item {
  readonly id: number
  readonly title: string
}
declare const getItem: Operation<{ id: number }, Item, { kind: 'natural' }>
declare const putItem: Operation<Item, { revision: number }, { kind: 'key'; validFor: '24h' }>
declare const send: Operation<{ text: string }, { sent: boolean }, { kind: 'none' }>
declare const whatever: Operation<{ id: number }, Item>

// From the schema of each library, with no annotation.
const issue = { number: 1, labels: ['bug'], kind: 'bug' as 'bug' | 'wish' }
const zodIssue = z.object({ number: z.number(), labels: z.array(z.string()), kind: z.enum(['bug', 'wish']) })
const valibotIssue = v.object({
  number: v.number(),
  labels: v.array(v.string()),
  kind: v.picklist(['bug', 'wish']),
})
const arkIssue = type({ number: 'number', labels: 'string[]', kind: "'bug' | 'wish'" })
export const byZod = flow('zod')
  .from(inbox(zodIssue), {
    key: (i) => i.number,
    index: { kind: (i) => i.kind },
    dedupe: (i, { headers }) => headers[i.kind],
  })
  .filter('labelled', (i) => i.labels.length > 0)
  .map('first', (i) => ({ label: i.labels[0], kind: i.kind }))
export const byValibot = flow('valibot')
  .from(inbox(valibotIssue), { key: (i) => i.number })
  .map((i) => i.labels)
export const byArktype = flow('arktype')
  .from(inbox(arkIssue), { key: (i) => i.number })
  .map((i) => i.labels)
export type Schemas = [
  Check<Body<typeof byZod, { label: string | undefined; kind: 'bug' | 'wish' }>>,
  Check<Body<typeof byValibot, string[]>>,
  Check<Body<typeof byArktype, string[]>>,
  Check<Equal<AcceptsOf<typeof byZod>, typeof issue>>,
]

// validate: what the schema makes of it flows on.
export const validated = flow('validated')
  .from(inbox<unknown>())
  .validate('an issue', z.object({ at: z.coerce.date() }))
export const validatedTwice = flow('validated')
  .from(inbox<unknown>())
  .validate(valibotIssue)
  .validate(arkIssue)
export type Validated = [
  Check<Body<typeof validated, { at: Date }>>,
  Check<Body<typeof validatedTwice, typeof issue>>,
]

// process: what it uses types what it asks; what it answers is bound or the body, which stays where it answers nothing.
declare const decided: EventDeclaration<{ yes: boolean }>
const processOf = flow('process').from(inbox<{ id: number; text: string }>())
export const processBound = processOf
  .call('load', getItem, { as: 'loaded' })
  .process(
    'p',
    { uses: { getItem, send: { operation: send, onUnknown: 'atLeastOnce' }, decided }, as: 'done' },
    async (b, ctx) => {
      const [item, { sent }] = await Promise.all([
        ctx.call('getItem', { id: b.id }),
        ctx.call('send', { text: ctx.loaded.title }),
      ])
      const { yes } = await ctx.waitFor('decided', b.id, { timeout: '1d' })
      return { title: item.title, sent, yes, now: ctx.now }
    },
  )
export const processAnswers = processOf.process('p', {}, async (b) => b.id)
export const processSilent = processOf.process('p', {}, async (_b, ctx) => ctx.sleep('a while', '1s'))
export const processSometimes = processOf.process('p', {}, async (b) => (b.id > 1 ? 'many' : undefined))
export type Processes = [
  Check<Body<typeof processBound, { id: number; text: string }>>,
  Check<
    Names<
      typeof processBound,
      Bound<'loaded', Item> & Bound<'done', { title: string; sent: boolean; yes: boolean; now: number }>
    >
  >,
  Check<Body<typeof processAnswers, number>>,
  Check<Body<typeof processSilent, { id: number; text: string }>>,
  Check<Body<typeof processSometimes, { id: number; text: string } | 'many'>>,
]

// filter: a type guard narrows, another predicate does not.
type Shape = { kind: 'circle'; radius: number } | { kind: 'square'; side: number }
const shapes = () => flow('shapes').from(inbox<Shape>())
export const circles = shapes().filter('circles', (s) => s.kind === 'circle')
export const large = shapes().filter((s) => (s.kind === 'circle' ? s.radius : s.side) > 3)
export type Filtered = [
  Check<Body<typeof circles, { kind: 'circle'; radius: number }>>,
  Check<Body<typeof large, Shape>>,
]

// choice: branches unify, guards narrow the branch and what is left, without otherwise the rest passes.
export const measured = shapes().choice('shape', (c) =>
  c
    .when(
      'circle',
      (s) => s.kind === 'circle',
      (s) => s.map((circle) => circle.radius),
    )
    .otherwise((s) => s.map((square) => String(square.side))),
)
export const someMeasured = shapes().choice('shape', (c) =>
  c.when(
    'circle',
    (s) => s.kind === 'circle',
    (s) => s.map((circle) => circle.radius),
  ),
)
export type Chosen = [
  Check<Body<typeof measured, string | number>>,
  Check<Body<typeof someMeasured, number | { kind: 'square'; side: number }>>,
]

// call: the result is the body, or bound beside it.
const ids = () => flow('ids').from(inbox<{ id: number; text: string }>())
export const called = ids().call('load', getItem)
export const bound = ids()
  .call('load', getItem, { as: 'item' })
  .call('again', getItem, { input: (_b, { item }) => ({ id: item.id }), as: 'more' })
export const fallen = ids().call('load', getItem, {
  onError: retry({ attempts: 2 }),
  fallback: (s) => s.map('none', (b, { error }) => `${b.text} ${error.code}`),
})
export const fallenBound = ids().call('load', getItem, { as: 'item', fallback: (s) => s.map(() => null) })
export const sent = ids()
  .to('send', send, { onUnknown: 'inDoubt' })
  .to('send again', send, { input: (b) => ({ text: b.text }), onUnknown: 'atLeastOnce', timeout: '5s' })
export const unspecific = [ids().call('a', whatever), ids().call('a', whatever, { onUnknown: 'inDoubt' })]
export type Called = [
  Check<Body<typeof called, Item>>,
  Check<Body<typeof bound, { id: number; text: string }>>,
  Check<Equal<NamesOf<typeof bound>['item' | 'more'], Item>>,
  Check<Body<typeof fallen, string | Item>>,
  Check<Names<typeof fallenBound, { readonly item: Item | null }>>,
  Check<Body<typeof sent, { id: number; text: string }>>,
]

// split: items and outputs are typed, joins are bound or become the body.
const list = () => flow('list').from(inbox<{ ids: number[] }>())
export const left = list().split(
  'ids',
  (b) => b.ids,
  (id) => id.call('load', getItem, { input: (i) => ({ id: i }) }),
)
export const collected = list().split(
  'ids',
  (b) => b.ids,
  (id) => id.map(String),
  { join: 'collect', as: 'texts' },
)
export const folded = list().split(
  'ids',
  (b) => new Set(b.ids),
  (id) => id,
  { join: { as: 'sum', initial: () => 0, add: (sum, id, index) => sum + id * index }, concurrency: 4 },
)
export const foldedBody = list().split(
  'ids',
  (b) => b.ids,
  (id) => id.map(String),
  { join: { initial: () => new Map<string, number>(), add: (all, text, index) => all.set(text, index) } },
)
export const generated = list().split(
  'ids',
  function* (b) {
    yield* b.ids.map((id) => ({ id }))
  },
  (s) => s.call('load', getItem),
  { join: 'collect', as: 'items' },
)
export type Split = [
  Check<Body<typeof left, { ids: number[] }>>,
  Check<Names<typeof collected, { readonly texts: string[] }>>,
  Check<Names<typeof folded, { readonly sum: number }>>,
  Check<Body<typeof folded, { ids: number[] }>>,
  Check<Body<typeof foldedBody, Map<string, number>>>,
  Check<Names<typeof generated, { readonly items: Item[] }>>,
]

// The steps that leave the body, and state.
export const kept = ids()
  .multicast('fan', (m) =>
    m.branch('a', (s) => s.call('load', getItem)).branch('b', (s) => s.map((b) => b.text)),
  )
  .tap('audit', (s) => s.map((b) => b.id))
  .delay('wait', (b) => (b.id > 1 ? '5s' : new Date(b.id)), { hold: true })
  .dedupe('once', { by: (b) => b.text, for: '1d' })
export const counted = ids().state(
  'count',
  { key: (b) => b.text, initial: () => 0, as: 'count' },
  (n, b) => ({ state: n + b.id, result: `${n}` }),
)
export const replaced = ids().state('seen', { initial: (): string[] => [] }, (seen, b) => ({
  state: [...seen, b.text],
  result: { seen },
}))
export type Kept = [
  Check<Body<typeof kept, { id: number; text: string }>>,
  Check<Names<typeof counted, { readonly count: string }>>,
  Check<Body<typeof replaced, { seen: string[] }>>,
]

// stop leaves nothing of its branch; sort knows the items; a group's result is the body or bound.
export const stopped = shapes().choice('shape', (c) =>
  c.when(
    'circle',
    (s) => s.kind === 'circle',
    (s) => s.stop('enough'),
  ),
)
export const sorted = flow('sorted')
  .from(inbox<readonly Item[]>())
  .sort('by id', (a, b) => a.id - b.id)
export const grouped = ids()
  .log('in', (b) => ({ id: b.id }))
  .group('title', (s) => s.call('load', getItem, { as: 'item' }).map((_b, { item }) => item.title), {
    as: 'title',
  })
export const groupedBody = ids().group('title', (s) => s.call('load', getItem).reply((item) => item.title))
export type Simple = [
  Check<Body<typeof stopped, { kind: 'square'; side: number }>>,
  Check<Body<typeof sorted, Item[]>>,
  Check<Body<typeof grouped, { id: number; text: string }>>,
  Check<Names<typeof grouped, { readonly title: string }>>,
  Check<Body<typeof groupedBody, Item>>,
  Check<Equal<RepliesOf<typeof groupedBody>, string>>,
]

// Recipients and multicast know what their branches answer; a load balancer, what its targets end with.
export const told = ids().recipients(
  'tell',
  (b) => b.text.split(','),
  (r) => r.branch('a', (s) => s.call('load', getItem)).branch('b', (s) => s.map((b) => b.id)),
)
export const toldAll = ids().recipients(
  'tell',
  (b) => new Set([b.text]),
  (r) => r.branch('a', (s) => s.call('load', getItem)).branch('b', (s) => s.map((b) => b.id)),
  { join: 'collect', as: 'answers', ignoreUnknown: true },
)
export const toldBest = ids().recipients(
  'tell',
  (b) => [b.text],
  (r) => r.branch('a', (s) => s.map((b) => b.id)).branch('b', (s) => s.map((b) => b.text)),
  {
    join: {
      initial: () => new Map<string, string | number>(),
      add: (all, answer, from) => all.set(from, answer),
    },
  },
)
export const fanned = ids().multicast(
  'fan',
  (m) => m.branch('a', (s) => s.map((b) => b.id)).branch('b', (s) => s.map((b) => b.id * 2)),
  { join: { as: 'sum', initial: () => 0, add: (sum, n) => sum + n } },
)
export const balanced = ids().loadBalance(
  'farm',
  (b) =>
    b
      .target('one', (s) => s.call('load', getItem), { weight: 2 })
      .target('two', (s) => s.map((body) => body.text).reply()),
  { by: { choose: (b) => (b.id > 1 ? 'one' : 'two') } },
)
export type Sent = [
  Check<Body<typeof told, { id: number; text: string }>>,
  Check<Names<typeof toldAll, { readonly answers: Answer<number | Item>[] }>>,
  Check<Body<typeof toldBest, Map<string, string | number>>>,
  Check<Names<typeof fanned, { readonly sum: number }>>,
  Check<Body<typeof balanced, Item | string>>,
  Check<Equal<RepliesOf<typeof balanced>, string>>,
]

// A claim check knows what was put aside under each key, and in which order on its stack.
const aside = () => ids().claimSet('aside', 'whole')
export const broughtBack = aside()
  .map((b) => b.id)
  .claimGet('back', 'whole')
export const removed = aside()
  .map((b) => b.id)
  .claimGetAndRemove('back', 'whole', { merge: (id, whole) => `${id.toFixed()} ${whole.text}` })
export const replacedClaim = aside()
  .map((b) => b.id)
  .claimSet('again', 'whole')
  .map(() => null)
  .claimGet('back', 'whole')
export const stacked = ids()
  .claimPush('one')
  .map((b) => b.text)
  .claimPush('two')
  .map(() => 0)
  .claimPop('two back', { merge: (n, text) => [n, text] as const })
  .claimPop('one back', { merge: (pair, whole) => ({ pair, id: whole.id }) })
export const limited = ids()
  .throttle('t', { max: (b) => b.id, per: '1s', key: (b) => b.text })
  .sample('s', { every: 10 })
  .dedupe('d', { by: (b) => b.text, remember: 'unlessFailed' })
export type Aside = [
  Check<Body<typeof broughtBack, { id: number; text: string }>>,
  Check<Body<typeof removed, string>>,
  Check<Body<typeof replacedClaim, number>>,
  Check<Body<typeof stacked, { pair: readonly [number, string]; id: number }>>,
  Check<Body<typeof limited, { id: number; text: string }>>,
]

// An aggregate goes on as what its members are folded into, collected as, or made of.
const summed = ids().aggregate('a', {
  key: (b) => b.id,
  initial: () => 0,
  add: (sum, b) => sum + b.id,
  complete: { size: (b) => b.id, when: (sum, { count }) => sum > count, last: (b) => b.text === '' },
})
const gathered = ids().aggregate('a', { key: (b) => b.text, complete: { timeout: '1m' } })
const described = ids()
  .call('a', getItem, { as: 'item' })
  .aggregate('b', {
    key: (b) => b.id,
    complete: { size: 2 },
    result: (all, { by }) => ({ texts: all.map((b) => b.text), by }),
    as: 'whole',
  })
const foldedAs = ids().aggregate('a', {
  key: (b) => b.id,
  initial: (): string[] => [],
  add: (texts, b) => [...texts, b.text],
  complete: { maxAge: '1d' },
  result: (texts, { count, key }) => [texts.length === count, key] as const,
})
const guarded = ids().circuitBreaker('c', (s) => s.map((b) => b.text), {
  window: { time: '1m' },
  failures: (error, b) => error.code === 'CALL_FAILED' && b.id > 0,
  fallback: (s) => s.map((b, { error }) => ({ id: b.id, why: error.code })),
})
const crowded = ids().throttle('t', { concurrent: 2, key: (b) => b.text }, (s) => s.map((b) => b.id))
const failsOver = ids().loadBalance(
  'l',
  (b) => b.target('a', (s) => s.map((x) => x.id)).target('b', (s) => s.map((x) => x.text)),
  {
    by: { failover: { errors: ['CALL_FAILED'], start: 'sticky' } },
  },
)
const ordered = ids().resequence('r', {
  place: (b) => b.id,
  key: (b) => b.text,
  timeout: '1m',
  late: 'filter',
})
const stored = ids()
  .aggregate('s', {
    key: (b) => b.id,
    collect: 'stored',
    complete: { maxAge: '1d', when: (all) => all.count > 9 },
    result: (all, { count }) => ({ all, count }),
  })
  .split(
    'each',
    ({ all }) => all,
    (each) => each.map((b) => b.text),
    { join: 'collect', as: 'texts' },
  )
const listedWhen = ids().aggregate('w', {
  key: (b) => b.id,
  complete: { when: (all) => all.length > 9 && all[0]?.text === 'x' },
})
export type Aggregated = [
  Check<Equal<NamesOf<typeof stored>['texts'], string[]>>,
  Check<Body<typeof listedWhen, { id: number; text: string }[]>>,
  Check<Body<typeof ordered, { id: number; text: string }>>,
  Check<Body<typeof guarded, string | { id: number; why: StoredError['code'] }>>,
  Check<Body<typeof crowded, number>>,
  Check<Body<typeof failsOver, number | string>>,
  Check<Body<typeof summed, number>>,
  Check<Body<typeof gathered, { id: number; text: string }[]>>,
  Check<Body<typeof described, { id: number; text: string }>>,
  Check<
    Equal<
      NamesOf<typeof described>['whole'],
      { texts: string[]; by: 'size' | 'when' | 'last' | 'timeout' | 'maxAge' | 'interval' | 'forced' }
    >
  >,
  Check<Body<typeof foldedAs, readonly [boolean, string]>>,
]

// Channels carry what they say; with a schema, what goes in may differ from what comes out.
const plain = channel<{ id: number }>('plain')
const coerced = channel('coerced', {
  schema: z.object({ at: z.coerce.date(), n: z.string().transform(Number) }),
  kind: 'topic',
})
export const published = ids()
  .publish('a', plain)
  .publish('b', coerced, { body: (b) => ({ at: b.text, n: b.text }), key: (b) => b.id })
export const fromPlain = flow('p').from(plain, { key: (b) => b.id })
export const fromCoerced = flow('c').from(coerced)
export type Channels = [
  Check<Body<typeof published, { id: number; text: string }>>,
  Check<Body<typeof fromPlain, { id: number }>>,
  Check<Body<typeof fromCoerced, { at: Date; n: number }>>,
]

// Replies, also from branches, and the fallback's error.
export const replying = ids()
  .choice('c', (c) =>
    c
      .when(
        'one',
        (b) => b.id === 1,
        (s) => s.reply('one', (b) => b.id),
      )
      .otherwise((s) => s.reply('other', () => 'none' as const)),
  )
  .onError((s) => s.map((b, { error }) => [b.text, error] as const).reply())
export const silent = ids().map((b) => b.id)
export type Replies = [
  Check<Equal<RepliesOf<typeof replying>, number | 'none' | readonly [string, StoredError]>>,
  Check<Equal<AcceptsOf<typeof replying>, { id: number; text: string }>>,
  Check<Equal<RepliesOf<typeof silent>, never>>,
  Check<Body<typeof replying, { id: number; text: string }>>,
]

// All flows fit a project.
export const flows: Project['flows'] = [byZod, measured, bound, replying, fromCoerced, generated]

// What must not compile. Each stands on one line, as the mark is for the line below it.
// biome-ignore format: one line each
export const refused = [
  // @ts-expect-error: a wrong field of the source
  () => flow('x').from(inbox(zodIssue), { key: (i) => i.numbr }),
  // @ts-expect-error: a wrong field in a filter
  () => flow('x').from(inbox(zodIssue)).filter('f', (i) => i.labls.length > 0),
  // @ts-expect-error: a wrong field after a map
  () => ids().map((b) => ({ n: b.id })).map((b) => b.m),
  // @ts-expect-error: a wrong field in a scope
  () => list().split('s', (b) => b.ids, (s) => s.map((id) => id.length)),
  // @ts-expect-error: a wrong field of a bound result
  () => ids().call('a', getItem, { as: 'item' }).map((_b, { item }) => item.titel),
  // @ts-expect-error: a name that is not bound
  () => ids().call('a', getItem, { as: 'item' }).map((_b, { itm }) => itm),
  // @ts-expect-error: a name that was bound in a scope only
  () => ids().tap('t', (s) => s.call('a', getItem, { as: 'item' })).map((_b, { item }) => item),
  // @ts-expect-error: a wrong field of what a join made
  () => list().split('s', (b) => b.ids, (s) => s, { join: 'collect', as: 'all' }).map((_b, { all }) => all.size),
  // @ts-expect-error: the body is not the input
  () => flow('x').from(inbox<{ id: string }>()).call('a', getItem),
  // @ts-expect-error: the body is not the input, with options
  () => flow('x').from(inbox<{ id: string }>()).call('a', getItem, { as: 'item' }),
  // @ts-expect-error: a wrong input
  () => ids().to('a', getItem, { input: (b) => ({ id: b.text }) }),
  // @ts-expect-error: guarantee none without acknowledgement
  () => ids().to('a', send, { input: (b) => ({ text: b.text }) }),
  // @ts-expect-error: guarantee none without options
  () => ids().to('a', send),
  // @ts-expect-error: an acknowledgement where there is nothing to acknowledge
  () => ids().call('a', getItem, { onUnknown: 'inDoubt' }),
  // @ts-expect-error: a name that the context has
  () => ids().call('a', getItem, { as: 'headers' }),
  // @ts-expect-error: a name that a fallback's context has
  () => ids().call('a', getItem, { as: 'error' }),
  // @ts-expect-error: a name that is bound already
  () => ids().call('a', getItem, { as: 'item' }).call('b', getItem, { as: 'item' }),
  // @ts-expect-error: a name that is bound around the scope
  () => ids().call('a', getItem, { as: 'item' }).tap('t', (s) => s.call('b', getItem, { as: 'item' })),
  // @ts-expect-error: a name for a state that is bound already
  () => ids().call('a', getItem, { as: 'n' }).state('s', { initial: () => 0, as: 'n' }, (n) => ({ state: n, result: n })),
  // @ts-expect-error: an asynchronous map
  () => ids().map('a', async (b) => b.id),
  // @ts-expect-error: an asynchronous filter
  () => ids().filter('a', async (b) => b.id > 1),
  // @ts-expect-error: a predicate that is no boolean
  () => ids().choice('c', (c) => c.when('a', (b) => b.id, (s) => s)),
  // @ts-expect-error: an asynchronous reply
  () => ids().reply(async (b) => b.id),
  // @ts-expect-error: items that cannot be iterated
  () => ids().split('s', (b) => b.id, (s) => s),
  // @ts-expect-error: a collected join without a name
  () => list().split('s', (b) => b.ids, (s) => s, { join: 'collect' }),
  // @ts-expect-error: an add that answers something else than was begun with
  () => list().split('s', (b) => b.ids, (s) => s, { join: { initial: () => 0, add: (n, o) => `${n}${o}` } }),
  // @ts-expect-error: a scope that answers nothing
  () => list().split('s', (b) => b.ids, (s) => { s.map((id) => id) }),
  // @ts-expect-error: a narrowed body has no such field
  () => shapes().filter((s) => s.kind === 'circle').map((s) => s.side),
  // @ts-expect-error: the body is not what the channel carries
  () => flow('x').from(inbox<{ id: string }>()).publish('a', plain),
  // @ts-expect-error: a wrong body for a channel
  () => ids().publish('a', plain, { body: (b) => ({ id: b.text }) }),
  // @ts-expect-error: what a channel takes is its schema's input
  () => ids().publish('a', coerced, { body: (b) => ({ at: b.text, n: b.id }) }),
  // @ts-expect-error: an update that answers another state
  () => ids().state('s', { initial: () => 0 }, (n) => ({ state: `${n}`, result: n })),
  // @ts-expect-error: a place that is no number
  () => ids().resequence('r', { place: (b) => b.text, timeout: '1m' }),
  // @ts-expect-error: a window that is neither calls nor time
  () => ids().circuitBreaker('c', (s) => s, { window: { messages: 10 } }),
  // @ts-expect-error: messages at once without the steps that they are in
  () => ids().throttle('t', { concurrent: 2 }),
  // @ts-expect-error: a resequencer that would wait for good
  () => ids().resequence('r', { place: (b) => b.id }),
  // @ts-expect-error: an aggregate without a completion
  () => ids().aggregate('a', { key: (b) => b.id }),
  // @ts-expect-error: an add that answers something else than was begun with
  () => ids().aggregate('a', { key: (b) => b.id, initial: () => 0, add: (n, b) => `${n}${b.id}`, complete: { size: 2 } }),
  // @ts-expect-error: a fold without its beginning
  () => ids().aggregate('a', { key: (b) => b.id, add: (n: number, b) => n + b.id, complete: { size: 2 } }),
  // @ts-expect-error: a wrong field of a member
  () => ids().aggregate('a', { key: (b) => b.ident, complete: { size: 2 } }),
  // @ts-expect-error: a key that is none
  () => ids().aggregate('a', { key: (b) => b, complete: { size: 2 } }),
  // @ts-expect-error: a wrong field of what was collected
  () => ids().aggregate('a', { key: (b) => b.id, complete: { size: 2 } }).map((all) => all.size),
  // @ts-expect-error: a name that is bound already
  () => ids().call('a', getItem, { as: 'item' }).aggregate('b', { key: (b) => b.id, complete: { size: 2 }, as: 'item' }),
  // @ts-expect-error: a body that has no items to sort
  () => ids().sort('s', (a, b) => a - b),
  // @ts-expect-error: a comparator that answers no number
  () => list().map((b) => b.ids).sort('s', (a, b) => a > b),
  // @ts-expect-error: a name that was bound in a group only
  () => ids().group('g', (s) => s.call('a', getItem, { as: 'item' })).map((_b, { item }) => item),
  // @ts-expect-error: a level that there is not
  () => ids().log('l', (b) => b.text, { level: 'loud' }),
  // @ts-expect-error: recipients that are one text
  () => ids().recipients('r', (b) => b.id, (r) => r.branch('a', (s) => s)),
  // @ts-expect-error: collected answers without a name
  () => ids().recipients('r', (b) => [b.text], (r) => r.branch('a', (s) => s), { join: 'collect' }),
  // @ts-expect-error: a wrong field of an answer
  () => ids().multicast('m', (m) => m.branch('a', (s) => s), { join: 'collect', as: 'all' }).map((_b, { all }) => all[0]?.body.txt),
  // @ts-expect-error: a target that there is not
  () => ids().loadBalance('l', (b) => b.target('one', (s) => s), { by: { choose: () => 'two' } }),
  // @ts-expect-error: a rule that there is not
  () => ids().loadBalance('l', (b) => b.target('one', (s) => s), { by: 'sticky' }),
  // @ts-expect-error: a weight that is none
  () => ids().loadBalance('l', (b) => b.target('one', (s) => s, { weight: 'heavy' })),
  // @ts-expect-error: a key under which nothing was put aside
  () => ids().claimSet('c', 'whole').claimGet('d', 'hole'),
  // @ts-expect-error: a claim that was removed
  () => ids().claimSet('c', 'a').claimGetAndRemove('d', 'a').claimGet('e', 'a'),
  // @ts-expect-error: nothing was pushed
  () => ids().claimPop('c'),
  // @ts-expect-error: more pops than pushes
  () => ids().claimPush('c').claimPop('d').claimPop('e'),
  // @ts-expect-error: a wrong field of a claim
  () => ids().claimSet('c', 'a').claimGet('d', 'a', { merge: (_b, a) => a.txt }),
  // @ts-expect-error: sampling by both
  () => ids().sample('s', { every: 3, per: '1s' }),
  // @ts-expect-error: a throttle without a period
  () => ids().throttle('t', { max: 3 }),
  // @ts-expect-error: something else to remember
  () => ids().dedupe('d', { by: (b) => b.text, remember: 'always' }),
  // @ts-expect-error: a process that calls what it does not declare
  () => ids().process('p', { uses: { getItem } }, async (_b, ctx) => ctx.call('putItem', { id: 1 })),
  // @ts-expect-error: a process that calls an event
  () => ids().process('p', { uses: { decided } }, async (_b, ctx) => ctx.call('decided', 'x')),
  // @ts-expect-error: an input that the operation does not take
  () => ids().process('p', { uses: { getItem } }, async (b, ctx) => ctx.call('getItem', { id: b.text })),
  // @ts-expect-error: guarantee none without an acknowledgement
  () => ids().process('p', { uses: { send } }, async () => undefined),
  // @ts-expect-error: an acknowledgement where there is nothing to acknowledge
  () => ids().process('p', { uses: { get: { operation: getItem, onUnknown: 'inDoubt' } } }, async () => undefined),
  // @ts-expect-error: a wrong field of what an event carries
  () => ids().process('p', { uses: { decided } }, async (_b, ctx) => (await ctx.waitFor('decided', 'a')).no),
  // @ts-expect-error: a body that the channel does not carry
  () => ids().process('p', { uses: { orders: coerced } }, async (_b, ctx) => ctx.publish('orders', { at: 1 })),
  // @ts-expect-error: a name that is bound already
  () => ids().call('a', getItem, { as: 'item' }).process('p', { as: 'item' }, async () => 1),
  // @ts-expect-error: a function that is not asynchronous
  () => ids().process('p', {}, () => 1),
  // @ts-expect-error: the fallback begins with the accepted body
  () => ids().map((b) => b.id).onError((s) => s.map((b) => b.toFixed())),
]

// A hook on completion finds the accepted body and how it ended; the flow goes on as if it were not there.
const hooked = flow('hooked')
  .from(inbox<Item>())
  .onCompletion('any', (ended) =>
    ended.map(({ body, ending, error }) => {
      const told: readonly [Item, 'done' | 'filtered' | 'dead' | 'dropped', StoredError | null] = [
        body,
        ending,
        error,
      ]
      return told
    }),
  )
  .onCompletion(
    'success',
    (ended) => ended.map(({ ending, error }): ['done' | 'filtered', null] => [ending, error]),
    {
      on: 'success',
    },
  )
  .onCompletion('failure', (ended) => ended.map(({ ending }): 'dead' | 'dropped' => ending), {
    on: 'failure',
  })
  .map((item) => item.title)
export type OnCompletion = [
  Check<Body<typeof hooked, string>>,
  Check<Equal<AcceptsOf<typeof hooked>, Item>>,
  Check<Equal<RepliesOf<typeof hooked>, never>>,
]
// Where `as` is given, repeated messages go on, and it is known which they are.
const repeats = ids().dedupe('once', { by: (b) => b.text, as: 'repeated' })
const filters = ids().dedupe('once', { by: (b) => b.text })
export type Dedupes = [
  Check<Names<typeof repeats, unknown & Bound<'repeated', boolean>>>,
  Check<Names<typeof filters, unknown>>,
]
export const wrongHook = [
  // @ts-expect-error the body is that of the message
  () => hooked.onCompletion('x', (ended) => ended.map(({ body }) => body.text)),
  // @ts-expect-error it is for no such end
  () => hooked.onCompletion('x', (ended) => ended, { on: 'always' }),
  // @ts-expect-error one that got through has failed in nothing
  () => hooked.onCompletion('x', (ended) => ended.map(({ error }) => error.code), { on: 'success' }),
]
