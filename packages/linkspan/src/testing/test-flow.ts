import type { Duration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Json, MessageSummary } from '../model/message.ts'
import type { Flow } from '../patterns/steps.ts'
import type { EventDeclaration } from '../patterns/wait-for.ts'
import type { MessageQuery, Trace } from '../runtime/admin-api.ts'
import type { Accepted, AcceptsOf, RepliesOf, SendOptions } from '../runtime/engine-api.ts'
import { type Fakes, fakeFlows } from './fake-flow.ts'
import type { FakeOperation } from './fake-operation.ts'
import type { LogLine } from './memory-logger.ts'
import { seededRandom } from './seeded-random.ts'
import { createWorld, type Life, type TestWorld, type WorldSettings } from './test-world.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'

/** How flows are tested. */
export interface TestFlowOptions extends WorldSettings {
  /** What stands in for the flows' operations, by `connection.operation`. */
  readonly operations?: Fakes
  /** @default 1 */
  readonly seed?: number | string
  /** The time at the beginning. @default 2026-01-01T00:00:00Z */
  readonly start?: Date | number
  /** Whether the flows' own sources are started, for one that needs only a clock, as a schedule does. @default false */
  readonly sources?: boolean
}

/** Flows that run in memory, on a clock that the test moves. */
export interface TestFlow<L extends Flow = Flow> extends AsyncDisposable {
  readonly clock: VirtualClock
  /** What the engine logged. */
  readonly log: readonly LogLine[]
  /** Sends to the first flow; resolves when the message is accepted. */
  send(body: AcceptsOf<L>, options?: SendOptions): Promise<Accepted>
  /** Sends to another flow. */
  sendTo<M extends Flow>(flow: M, body: AcceptsOf<M>, options?: SendOptions): Promise<Accepted>
  /** Raises an event from outside, as `engine.raise` does. */
  raise<V>(event: EventDeclaration<V>, key: string | number, value: NoInfer<V>): Promise<Accepted>
  /** Completes the group of a key of an `aggregate` step, or without a key all of them; answers how many. */
  completeGroups(flow: Flow, step: string, key?: string): Promise<number | null>
  /** Sends to the first flow and waits for its reply, moving the clock if need be. */
  request(body: AcceptsOf<L>, options?: SendOptions & { readonly timeout?: Duration }): Promise<RepliesOf<L>>
  /** Runs until every message has ended, moving the clock over all waits. Rejects when one never ends. */
  run(): Promise<void>
  /** Moves the clock on by so much and runs what comes due. */
  advance(by: Duration): Promise<void>
  /** The inputs of all requests that were sent by an operation, in order. */
  sent(operation: string): readonly unknown[]
  /** The inputs of those that took effect. */
  applied(operation: string): readonly unknown[]
  /** The fake that stands for an operation, to say what becomes of its calls. */
  fake(operation: string): FakeOperation
  /** The accepted messages in order, of all flows; with `children: true` also those made by splits and taps. */
  messages(query?: MessageQuery): Promise<readonly MessageSummary[]>
  trace(id: string): Promise<Trace>
  /** The reply of a message, or null. */
  reply(id: string): Promise<{ readonly reply: Json } | null>
  /** Ends the engine as a crash would. What is in the journal stays. */
  crash(): void
  /** Starts an engine on what is in the journal. */
  restart(): Promise<void>
  /** Sends an ended message through its flow again. */
  redeliver(id: string, options?: { readonly fresh?: boolean }): Promise<void>
  /** Says of a message in doubt whether its call was applied. */
  resolve(id: string, applied: boolean, result?: Json): Promise<void>
  /** Stops the engine. */
  close(): Promise<void>
}

/** A message that waits longer is taken for one that never ends. */
const LONGEST_RUN_MS = 100 * 86_400_000

/**
 * Runs a flow, or several that work together, in memory: on a virtual clock, a simulated journal and fake operations,
 * which take the place of the real ones without a change of the flow. For any test runner.
 *
 * @example
 * ```ts
 * import { deepEqual } from 'node:assert/strict'
 * import test from 'node:test'
 * import { flow, inbox, type Operation } from 'linkspan'
 * import { testFlow } from 'linkspan/testing'
 * declare const post: Operation<{ text: string }, void, { kind: 'key'; validFor: '24h' }>
 * const greet = flow('greet')
 *   .from(inbox<{ name: string }>())
 *   .delay('a while', '5m')
 *   .to('say', post, { input: (person) => ({ text: `Hello ${person.name}` }) })
 *
 * test('greets after a while', async () => {
 *   await using flows = await testFlow(greet)
 *   await flows.send({ name: 'Ada' })
 *   deepEqual(flows.sent('chat.post'), [])
 *   await flows.advance('5m')
 *   deepEqual(flows.sent('chat.post'), [{ text: 'Hello Ada' }])
 * })
 * ```
 */
export async function testFlow<const L extends Flow>(
  flows: L | readonly [L, ...Flow[]],
  options: TestFlowOptions = {},
): Promise<TestFlow<L>> {
  const all = flowsOf(flows)
  const faked = fakeFlows(all, options.operations ?? {})
  const clock = virtualClock(options.start === undefined ? {} : { start: options.start })
  const world = createWorld({
    flows: faked.flows,
    clock,
    random: seededRandom(options.seed ?? 1),
    settings: options,
    sources: options.sources ?? false,
  })
  const kit = createKit<L>(world, faked.fakes, (all[0] as Flow).definition.name)
  await kit.restart()
  return kit
}

/** One flow or several as a list. */
export function flowsOf(flows: Flow | readonly Flow[]): readonly Flow[] {
  return 'definition' in flows ? [flows] : flows
}

function createKit<L extends Flow>(
  world: TestWorld,
  fakes: ReadonlyMap<string, FakeOperation>,
  first: string,
): TestFlow<L> {
  const { clock, logger } = world

  const life = (): Life => {
    if (world.life?.alive && world.life.runtime.state !== 'stopped') return world.life
    throw new LinkspanError('ENGINE_STATE', 'The engine does not run. Call restart() first.')
  }

  const fake = (name: string): FakeOperation => {
    const found = fakes.get(name)
    if (found) return found
    throw new LinkspanError(
      'CONFIG_INVALID',
      `No flow here calls "${name}". They call: ${[...fakes.keys()].join(', ') || 'nothing'}.`,
    )
  }

  const one = async (
    done: Promise<{ refused: readonly { error: { message: string } }[] }>,
  ): Promise<void> => {
    const [refused] = (await clock.during(done)).refused
    if (refused) throw new LinkspanError('MESSAGE_STATE', refused.error.message)
  }

  const close = async (): Promise<void> => {
    if (!world.life?.alive || world.life.runtime.state === 'stopped') return
    await clock.during(world.life.runtime.stop())
  }

  return {
    clock,
    log: logger.lines,
    fake,
    send: (body, options) => clock.during(life().runtime.send(first, body, options)),
    sendTo: (flow, body, options) => clock.during(life().runtime.send(flow.definition.name, body, options)),
    raise: (event, key, value) => clock.during(life().runtime.control.raise(event.name, key, value)),
    async completeGroups(flow, step, key) {
      const { control } = life().runtime
      return (await clock.during(control.completeGroups(flow.definition.name, step, key ?? null))).groups
    },
    request: (body, options = {}) =>
      clock.during(life().runtime.request(first, body, options)) as Promise<RepliesOf<L>>,
    async run() {
      const { runtime } = life()
      const end = await clock.drive(clock.now() + LONGEST_RUN_MS, world.atRest)
      if (end !== 'stopped') throw await unfinished(runtime)
    },
    async advance(by) {
      life()
      await clock.advance(by)
    },
    sent: (name) => fake(name).requests.map(({ input }) => input),
    applied: (name) => fake(name).effects.map(({ input }) => input),
    async messages(query = {}) {
      const page = await life().admin.messages({ order: 'oldest', limit: 1_000, ...query })
      return page.items
    },
    trace: (id) => life().admin.trace(id),
    reply: (id) => life().admin.reply(id),
    crash() {
      life()
      world.kill()
    },
    restart: () => clock.during(world.begin()),
    redeliver: (id, options = {}) => one(life().admin.redeliver({ ids: [id] }, { note: 'test', ...options })),
    resolve: (id, applied, result) =>
      clock.during(
        life().admin.resolve(id, applied, { note: 'test', ...(result === undefined ? {} : { result }) }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Why a run did not come to its end. */
export async function unfinished(runtime: Life['runtime']): Promise<Error> {
  const { journal, takers, live } = runtime.parts
  const open = await journal.history.query({ live: true, rootsOnly: false, order: 'oldest', limit: 10 })
  const lines = open.map(({ id, flow, wait, seq }) => {
    const state = live.runs(seq)
      ? 'runs'
      : wait === null
        ? 'is not known to the engine'
        : `waits (${wait.reason})`
    return `  ${id} of "${flow}" ${state}${takers.get(flow)?.queue.paused ? '; the flow is paused' : ''}`
  })
  const what = lines.length > 0 ? lines.join('\n') : '  no message, but the engine still counts one'
  return new LinkspanError(
    'ENGINE_STATE',
    `Nothing is left to do, and these messages have not ended:\n${what}\nDoes an operation never answer, or is something waited for that does not go through the engine's clock?`,
  )
}
