/** A case in Linkspan: the flow that is made of its steps, run in memory on a virtual clock. */
import { deadLetter, type Flow, flow, inbox, type Json } from 'linkspan'
import { fakeOperation, type TestFlow, testFlow } from 'linkspan/testing'
import {
  type AnyBody,
  answeredBy,
  answerOf,
  failWhen,
  holds,
  isIo,
  marked,
  numberOf,
  orderOf,
  partsOf,
} from './bodies.ts'
import type { Branch, Case, Completion, FanOut, Outcome, Seen, Step } from './case.ts'

type Context = Readonly<Record<string, unknown>>
type OfBody<R> = (body: AnyBody, ctx: Context) => R
type Scope = (inner: Steps) => Steps

/** The builder without the types of bodies and names, as the steps are known only when it runs. */
interface Steps {
  map(name: string, change: OfBody<unknown>): Steps
  filter(name: string, test: OfBody<boolean>): Steps
  choice(name: string, build: (choice: Choice) => Choice): Steps
  split(name: string, items: OfBody<readonly AnyBody[]>, each: Scope, options: object): Steps
  multicast(name: string, build: (branches: Branches) => Branches, options: object): Steps
  recipients(
    name: string,
    to: OfBody<unknown>,
    build: (branches: Branches) => Branches,
    options: object,
  ): Steps
  routingSlip(
    name: string,
    slip: OfBody<unknown>,
    build: (branches: Branches) => Branches,
    options: object,
  ): Steps
  dynamicRouter(name: string, next: OfBody<unknown>, build: (branches: Branches) => Branches): Steps
  loadBalance(name: string, build: (targets: Targets) => Targets, options: object): Steps
  dedupe(name: string, options: object): Steps
  loop(name: string, turns: unknown, scope: Scope, options: object): Steps
  claimSet(name: string, key: string): Steps
  claimGet(name: string, key: string, options?: object): Steps
  claimGetAndRemove(name: string, key: string): Steps
  claimPush(name: string): Steps
  claimPop(name: string): Steps
  sort(name: string, compare: (a: number, b: number) => number): Steps
  call(name: string, operation: unknown, options: object): Steps
  to(name: string, operation: unknown, options: object): Steps
  aggregate(name: string, options: object): Steps
  resequence(name: string, options: object): Steps
  delay(name: string, time: string): Steps
  circuitBreaker(name: string, scope: Scope, options: object): Steps
}

interface Choice {
  when(label: string, test: OfBody<boolean>, scope: Scope): Choice
  otherwise(scope: Scope): Choice
}

interface Branches {
  branch(label: string, scope: Scope): Branches
}

interface Targets {
  target(label: string, scope: Scope, options: object): Targets
}

const TICK_MS = 1_000
const HALF = 0.5

interface Request {
  readonly resource: readonly Step[]
  readonly body: AnyBody
}

/** Where it is seen what becomes of messages, and what they ask. */
function createOutside() {
  const see = fakeOperation<Omit<Seen, 'tick'>, undefined>('outside.see', { kind: 'natural' })
  const ask = fakeOperation<Request, AnyBody>(
    'outside.ask',
    { kind: 'natural' },
    { result: ({ resource, body }) => answeredBy(resource, body) },
  )
  ask.when(({ input }) => {
    try {
      answeredBy(input.resource, input.body)
      return undefined
    } catch (error) {
      return { rejected: String(error) }
    }
  })
  return { see, ask }
}

type Outside = ReturnType<typeof createOutside>

/** Runs a case and answers what was seen and how each message ended. */
export async function runInLinkspan(one: Case): Promise<Outcome> {
  const outside = createOutside()
  await using flows = await testFlow(flowOf(one, outside), { seed: one.id, start: startOf(one) })
  const start = flows.clock.now()
  if (one.ticks === 0) await sendInTurn(one, flows)
  else await sendByTime(one, flows)
  const messages = await flows.messages()
  if (one.stops === true) await flows.close()
  const seen = outside.see.effects.map(({ input, at }): Seen => {
    const { at: where, body } = plain(input) as unknown as Seen
    return one.ticks === 0
      ? { at: where, body }
      : { at: where, body, tick: Math.floor((at - start) / TICK_MS) }
  })
  return { seen, ends: messages.map(({ state }) => (state === 'dead' ? 'failed' : 'ended')) }
}

/** At the multiple of any interval, and half a tick: so an interval is over between two ticks. */
function startOf({ begins = 0 }: Case): number {
  return Date.UTC(2026, 0, 1) + (begins + HALF) * TICK_MS
}

/** Until nothing happens any more; a group may stay open. */
async function sendInTurn({ messages }: Case, flows: TestFlow): Promise<void> {
  for (const { body } of messages) {
    await flows.send(body)
    await flows.advance('1ms')
  }
}

async function sendByTime({ messages, ticks }: Case, flows: TestFlow): Promise<void> {
  let tick = 0
  for (const { at, body } of messages) {
    await flows.advance((at - tick) * TICK_MS)
    tick = at
    await flows.send(body)
  }
  await flows.advance((ticks - tick) * TICK_MS)
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

function flowOf(one: Case, outside: Outside): Flow {
  // In turn even where a pass gives its place back; by time, several are on their way at once.
  const key = one.ticks === 0 ? { key: () => 'all' } : {}
  const begun = flow('case', { onError: deadLetter() }).from(inbox<AnyBody>(), key)
  return createBuilder(outside)(begun as unknown as Steps, one.steps) as unknown as Flow
}

type Build = (to: Steps, steps: readonly Step[]) => Steps
type Words = {
  readonly [Do in Step['do']]: (to: Steps, step: Extract<Step, { do: Do }>, name: string) => Steps
}

function createBuilder(outside: Outside): Build {
  let steps = 0
  const words = wordsOf(outside, (to, list) => build(to, list))
  const add = <Do extends Step['do']>(to: Steps, step: Extract<Step, { do: Do }>): Steps => {
    steps += 1
    const word = words[step.do as Do]
    return word(to, step, `${step.do} ${steps}`)
  }
  const build: Build = (to, list) => list.reduce((at, step) => add(at, step), to)
  return build
}

function wordsOf({ see, ask }: Outside, build: Build): Words {
  const scope =
    (steps: readonly Step[]): Scope =>
    (inner) =>
      build(inner, steps)
  const branchesOf =
    (list: readonly Branch[]) =>
    (branches: Branches): Branches =>
      list.reduce((at, { name, steps }) => at.branch(name, scope(steps)), branches)

  return {
    mark: (to, step, name) => to.map(name, (body) => marked(body, step.with)),
    add: (to, step, name) => to.map(name, (body) => ({ ...body, n: numberOf(body) + step.by })),
    turn: (to, _step, name) => to.map(name, (body, { turn }) => marked(body, `turn ${turn}`)),
    see: (to, step, name) => to.to(name, see, { input: (body: AnyBody) => ({ at: step.at, body }) }),
    fail: (to, step, name) =>
      to.map(name, (body) => {
        failWhen(step, body)
        return body
      }),
    filter: (to, step, name) => to.filter(name, (body) => holds(step.when, body)),
    choice: (to, step, name) =>
      to.choice(name, (choice) => {
        const all = step.branches.reduce(
          (at, { when, steps }, index) => at.when(`when ${index}`, (body) => holds(when, body), scope(steps)),
          choice,
        )
        return step.otherwise === null ? all : all.otherwise(scope(step.otherwise))
      }),
    split: (to, step, name) =>
      joined(to.split(name, partsOf, scope(step.each), fanOut(step, name)), step, name),
    multicast: (to, step, name) =>
      joined(to.multicast(name, branchesOf(step.branches), fanOut(step, name)), step, name),
    recipients: (to, step, name) =>
      joined(
        to.recipients(name, ({ to: names }) => names, branchesOf(step.branches), {
          ...fanOut(step, name),
          ignoreUnknown: step.ignoreUnknown,
        }),
        step,
        name,
      ),
    slip: (to, { branches, ignoreUnknown }, name) =>
      to.routingSlip(name, ({ to: names }) => names, branchesOf(branches), { ignoreUnknown }),
    router: (to, { branches, table, until }, name) =>
      to.dynamicRouter(
        name,
        (body) => (numberOf(body) >= until ? null : table[numberOf(body) % table.length]),
        branchesOf(branches),
      ),
    balance: (to, { by, targets }, name) =>
      to.loadBalance(
        name,
        (list) =>
          targets.reduce(
            (at, { name: label, steps, weight }) =>
              at.target(label, scope(steps), by === 'weighted' ? { weight } : {}),
            list,
          ),
        { by: by === 'sticky' ? { stickTo: ({ k }: AnyBody) => k } : 'roundRobin' },
      ),
    failover: (to, { targets, errors, attempts, start }, name) =>
      to.loadBalance(
        name,
        (list) => targets.reduce((at, each) => at.target(each.name, scope(each.steps), {}), list),
        {
          by: {
            failover: {
              errors: errors === 'io' ? isIo : errors,
              start,
              ...(attempts === null ? {} : { attempts }),
            },
          },
        },
      ),
    dedupe: (to, { remember }, name) => to.dedupe(name, { by: ({ k }: AnyBody) => k, remember }),
    loop: (to, { times, copy, steps }, name) => to.loop(name, turnsOf(times), scope(steps), { copy }),
    claim: (to, { op, key }, name) => {
      if (op === 'set') return to.claimSet(name, key)
      if (op === 'get') return to.claimGet(name, key)
      if (op === 'getAndRemove') return to.claimGetAndRemove(name, key)
      return op === 'push' ? to.claimPush(name) : to.claimPop(name)
    },
    sort: (to, { by }, name) =>
      to
        .claimSet(`${name} aside`, name)
        .map(`${name} items`, ({ items }) => items)
        .sort(name, orderOf(by))
        .claimGet(`${name} back`, name, { merge: (items: unknown, body: AnyBody) => ({ ...body, items }) }),
    enrich: (to, { resource, replaces, rescued }, name) => {
      const input = (body: AnyBody): Request => ({ resource, body })
      if (replaces) return to.call(name, ask, { input })
      const as = nameFor(name)
      const fallback = rescued ? { fallback: (failed: Steps) => failed.map('none', () => null) } : {}
      return to.call(name, ask, { input, as, ...fallback }).map(`${name} got`, (body, ctx) => {
        const got = ctx[as] as AnyBody | null
        return { ...body, got: got === null ? null : answerOf(got) }
      })
    },
    aggregate: (to, { complete }, name) => to.aggregate(name, aggregation(complete)),
    resequence: (to, { timeout, late, batch }, name) => {
      const options = { key: () => 'all', place: numberOf }
      const timeoutMs = timeout * TICK_MS
      if (batch === undefined) return to.resequence(name, { ...options, timeout: timeoutMs, late })
      const { size, reverse, twice } = batch
      const way = twice ? 'pass' : 'filter'
      return to.resequence(name, { ...options, batch: { size, reverse, twice: way, timeout: timeoutMs } })
    },
    breaker: (to, { steps, calls, minimum, openFor, trials, fallback }, name) =>
      to.circuitBreaker(name, scope(steps), {
        window: { calls },
        minimum,
        openFor: openFor * TICK_MS,
        trials,
        ...(fallback === null ? { whenOpen: 'fail' } : { fallback: scope(fallback) }),
      }),
    delay: (to, { ticks }, name) => to.delay(name, `${ticks * TICK_MS}ms`),
  }
}

function turnsOf(times: Extract<Step, { do: 'loop' }>['times']): unknown {
  if (times === 'n') return numberOf
  return typeof times === 'number' ? times : { while: (body: AnyBody) => holds(times.while, body) }
}

const nameFor = (step: string): string => `of ${step}`
const bodyOfAnswer = (answer: unknown): AnyBody => (answer as { body: AnyBody }).body

function fanOut({ parallel, stopOnError, join }: FanOut, step: string): object {
  const options = { ...(parallel ? {} : { concurrency: 1 }), stopOnError }
  const as = nameFor(step)
  if (join === 'none') return options
  if (join === 'latest')
    return { ...options, join: { as, initial: () => null, add: (_before: unknown, body: unknown) => body } }
  return { ...options, join: 'collect', as }
}

/** Puts what was joined where the language says. */
function joined(to: Steps, { join }: FanOut, step: string): Steps {
  if (join === 'none') return to
  return to.map(`${step} joined`, (body, ctx) => {
    const given = ctx[nameFor(step)]
    if (join === 'latest') return given ?? body
    const answers = given as readonly AnyBody[]
    if (answers.length === 0) return body
    return { ...body, joined: answers.map((each) => answerOf('from' in each ? bodyOfAnswer(each) : each)) }
  })
}

interface Members {
  readonly ids: readonly unknown[]
  readonly n: number
}

function aggregation({
  size,
  sizeOfMember,
  timeout,
  interval,
  sum,
  last,
  closed,
  onStop,
}: Completion): object {
  return {
    key: ({ k }: AnyBody) => k,
    initial: (): Members => ({ ids: [], n: 0 }),
    add: ({ ids, n }: Members, body: AnyBody): Members => ({
      ids: [...ids, body.id],
      n: n + numberOf(body),
    }),
    complete: {
      ...(size === undefined ? {} : { size }),
      ...(sizeOfMember === true ? { size: numberOf } : {}),
      ...(timeout === undefined ? {} : { timeout: timeout * TICK_MS }),
      ...(interval === undefined ? {} : { interval: interval * TICK_MS }),
      ...(onStop === true ? { onStop } : {}),
      ...(sum === undefined ? {} : { when: ({ n }: Members) => n >= sum }),
      ...(last === undefined ? {} : { last: (body: AnyBody) => holds(last, body) }),
    },
    signal: ({ signal }: AnyBody) => signal,
    ...(closed === true ? { closed: { for: '1d' } } : {}),
    result: ({ ids, n }: Members, { key, by }: { key: string; by: string }) => ({
      k: key,
      ids,
      n,
      by: by === 'when' || by === 'last' ? 'predicate' : by,
    }),
  }
}
