import type {
  CallContext,
  ConnectEnvironment,
  ConnectionDeclaration,
  Connector,
  Incoming,
  Operation,
  RunningSource,
  SourceContext,
  SourceDeclaration,
} from '../../connect/connector.ts'
import { flow } from '../../flow/flow.ts'
import { inbox } from '../../flow/inbox.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { deadLetter, exponential, retry } from '../../model/policy.ts'
import type { Flow } from '../../patterns/steps.ts'
import { type FakeOperation, fakeOperation } from '../fake-operation.ts'
import { never } from '../fake-outcome.ts'
import { seededRandom } from '../seeded-random.ts'
import { createWorld, type TestWorld } from '../test-world.ts'
import type { ConnectorRig, OperationTrial, SourceTrial, TrialItem } from './rig.ts'
import type { TrialTime } from './time.ts'

/** What becomes of the next acceptances of a source. */
export type AcceptFate =
  | 'ok'
  /** The engine dies before it has committed. */
  | 'dies-before'
  /** The engine dies when it has committed and nobody was told. */
  | 'dies-after'

/** Engines one after the other, with a flow from the rig's source and one to its operation, on one simulated journal. */
export interface Lives {
  readonly world: TestWorld<Clock>
  /** What the flow behind the source has got, each message once, in order. */
  readonly got: readonly TrialItem[]
  /** Everything that the connector threw or said it failed by. */
  readonly errors: readonly unknown[]
  /** How many calls went out in one request, for each request. */
  readonly batches: readonly number[]
  /** What was handed in by a source after it had said that it is stopped. */
  readonly late: number
  /** How often the engine has said that it has no room. */
  readonly refusals: number
  begin(): Promise<void>
  /** Ends the engine in order. */
  stop(): Promise<void>
  /** Ends it as a crash does: what it waits for never comes, its connections go. */
  kill(): Promise<void>
  /** Decides the next acceptance that has messages. */
  nextAccept(fate: AcceptFate): void
  /** Lets the engine have no room for so many acceptances. */
  refuse(times: number): void
  /** Waits until the engine has died by the fate that was set. */
  died(): Promise<void>
  /** Hands items to the flow that calls the operation. */
  send(items: readonly TrialItem[]): Promise<void>
  /** Waits until every accepted message has ended. */
  rest(): Promise<void>
}

/** One engine's life, as the connector's parts know it. */
interface Life {
  alive: boolean
  readonly death: Promise<never>
  readonly die: () => void
  readonly sources: Set<RunningSource>
  readonly clients: Map<unknown, Connector<unknown, unknown>>
}

const FROM = 'from-the-source'
const TO = 'to-the-operation'

/** Calls may take long where nothing is said of it: the clock runs fast, and answers come in real time. */
const LONG = '10m'
/** After it the system is asked. */
const SHORT = '20s'

/** More than a server takes to come back: its start takes real time, and the clock may run ten times as fast. */
const ATTEMPTS = 600

/** Makes engines for a rig; none lives yet. */
export function createLives(rig: ConnectorRig, time: TrialTime): Lives {
  const errors: unknown[] = []
  const batches: number[] = []
  const see = fakeOperation<TrialItem>('suite.see', { kind: 'key', validFor: '24h' })
  let fate: AcceptFate = 'ok'
  let refusing = 0
  let refusals = 0
  let late = 0
  let life: Life = newLife()

  const world = createWorld({
    flows: flowsOf(rig, see, { source: mortalSource, operation: mortalOperation }),
    clock: time.clock,
    random: seededRandom(11),
    sources: true,
    forgets: false,
    connections: rig.connection === undefined ? {} : { [rig.connection.name]: rig.config },
    directory: rig.directory ?? '/',
  })

  const end = (): void => {
    life.alive = false
    life.die()
    world.kill()
  }

  /** A process that is dead holds nothing; ours have to be let go of one by one. */
  const bury = async (): Promise<void> => {
    const { sources, clients } = life
    await time.during(
      'a source stops when its acceptance has failed',
      Promise.allSettled([...sources].map((source) => source.stop())),
    )
    sources.clear()
    const closes = [...clients].map(([client, connector]) => connector.close?.(client))
    clients.clear()
    await time.during('a client that was used closes', Promise.allSettled(closes))
  }

  function mortalConnection(connection: ConnectionDeclaration): ConnectionDeclaration {
    const { name, connector, optional } = connection
    const connect = async (config: unknown, environment: ConnectEnvironment): Promise<unknown> => {
      const mine = life
      const client = await seen(() => connector.connect(config, environment))
      if (mine.alive) mine.clients.set(client, connector)
      else await connector.close?.(client)
      return mine.alive ? client : never()
    }
    const close = async (client: unknown): Promise<void> => {
      life.clients.delete(client)
      await connector.close?.(client)
    }
    const mortal: Connector<unknown, unknown> = {
      name: connector.name,
      spec: connector.spec,
      config: connector.config,
      connect,
      close,
    }
    return { name, connector: mortal, ...(optional === undefined ? {} : { optional }) }
  }

  /** What is thrown is kept, to be looked at for what it shows. */
  async function seen<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (thrown) {
      errors.push(thrown)
      throw thrown
    }
  }

  function mortalSource(source: SourceDeclaration<unknown>): SourceDeclaration<unknown> {
    const { connection, start } = source
    return {
      ...source,
      ...(connection === undefined ? {} : { connection: mortalConnection(connection) }),
      ...(start === undefined ? {} : { start: (context) => startMortal(start, context) }),
    }
  }

  const startMortal = async (
    start: (context: SourceContext) => Promise<RunningSource>,
    context: SourceContext,
  ): Promise<RunningSource> => {
    const mine = life
    let stopped = false
    const accept = async (messages: readonly Incoming[], cursor: string | null): Promise<void> => {
      if (stopped) late += messages.length
      if (!mine.alive) throw dead()
      if (messages.length > 0 && refusing > 0) {
        refusing -= 1
        refusals += 1
        throw noRoom()
      }
      const becomes = messages.length > 0 ? fate : 'ok'
      if (becomes !== 'ok') fate = 'ok'
      if (becomes === 'dies-before') end()
      else await Promise.race([context.accept(messages, cursor), mine.death])
      if (becomes === 'dies-after') end()
      if (!mine.alive) throw dead()
    }
    const failed = (thrown: unknown): void => {
      errors.push(thrown)
      if (mine.alive) context.failed(thrown)
    }
    const running = await seen(() => start({ ...context, accept, failed }))
    mine.sources.add(running)
    return {
      stop: async () => {
        await running.stop()
        stopped = true
        mine.sources.delete(running)
      },
    }
  }

  function mortalOperation(operation: Operation<unknown, unknown>): Operation<unknown, unknown> {
    const { name, guarantee, timeout, batch } = operation
    const answer = async <T>(run: () => Promise<T>): Promise<T> => {
      const mine = life
      try {
        const result = await seen(run)
        return mine.alive ? result : never()
      } catch (thrown) {
        if (!mine.alive) return never()
        throw thrown
      }
    }
    return {
      connection: mortalConnection(operation.connection),
      name,
      guarantee,
      ...(timeout === undefined ? {} : { timeout }),
      run: (client, input, call) => answer(() => operation.run(client, input, call)),
      ...(operation.verify === undefined
        ? {}
        : {
            verify: (client: unknown, input: unknown, call: CallContext) =>
              answer(async () =>
                (operation.verify as NonNullable<typeof operation.verify>)(client, input, call),
              ),
          }),
      ...(batch === undefined
        ? {}
        : {
            batch: {
              max: batch.max,
              ...(batch.inFlight === undefined ? {} : { inFlight: batch.inFlight }),
              ...(batch.maxSize === undefined ? {} : { maxSize: batch.maxSize }),
              ...(batch.sizeOf === undefined
                ? {}
                : { sizeOf: (input: unknown) => batch.sizeOf?.(input) ?? 1 }),
              run: (client, calls) => {
                batches.push(calls.length)
                return answer(async () => {
                  const outcomes = await batch.run(client, calls)
                  for (const outcome of outcomes) if ('error' in outcome) errors.push(outcome.error)
                  return outcomes
                })
              },
            },
          }),
    }
  }

  return {
    world,
    errors,
    batches,
    get got() {
      return see.effects.map(({ input }) => input)
    },
    get late() {
      return late
    },
    get refusals() {
      return refusals
    },
    begin: async () => {
      life = newLife()
      await time.during('the engine starts', world.begin())
    },
    stop: async () => {
      const { runtime } = world.life ?? {}
      if (!life.alive || runtime === undefined) return
      await time.during('the engine stops', runtime.stop())
      life.alive = false
    },
    kill: async () => {
      if (life.alive) end()
      await bury()
    },
    nextAccept: (becomes) => {
      fate = becomes
    },
    refuse: (times) => {
      refusing = times
    },
    died: async () => {
      await time.until('the source hands something in', () => !life.alive)
      await bury()
    },
    send: async (items) => {
      const { runtime } = world.life ?? {}
      if (runtime === undefined) throw new Error('No engine was begun.')
      for (const item of items) await time.during('a message is accepted', runtime.send(TO, item))
    },
    rest: () => time.until('every message has ended', world.atRest),
  }
}

function newLife(): Life {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  return { alive: true, death: promise, die: () => reject(dead()), sources: new Set(), clients: new Map() }
}

const dead = (): LinkspanError =>
  new LinkspanError('ENGINE_STATE', 'The engine has died.', { retry: 'never' })

const noRoom = (): LinkspanError =>
  new LinkspanError('ENGINE_BUSY', 'The engine has no room just now.', { retry: { afterMs: 500 } })

interface Wraps {
  source(source: SourceDeclaration<unknown>): SourceDeclaration<unknown>
  operation(operation: Operation<unknown, unknown>): Operation<unknown, unknown>
}

function flowsOf(rig: ConnectorRig, see: FakeOperation<TrialItem>, wrap: Wraps): readonly Flow[] {
  const { source, operation } = rig
  return [
    ...(source === undefined ? [] : [sourceFlow(source, see, wrap)]),
    ...(operation === undefined ? [] : [operationFlow(operation, wrap)]),
  ]
}

function sourceFlow(trial: SourceTrial, see: FakeOperation<TrialItem>, wrap: Wraps): Flow {
  const { key, identity } = trial
  return flow(FROM, { onError: deadLetter() })
    .from(wrap.source(trial.source as unknown as SourceDeclaration<unknown>), {
      ...(key === undefined ? {} : { key: (body, source) => key(body as never, source) }),
      ...(identity === undefined ? {} : { dedupe: (body, source) => identity(body as never, source) }),
    })
    .map('item', (body, { headers, key: own }) => trial.item({ body, headers, key: own }))
    .filter('one of ours', (item): item is TrialItem => item !== null)
    .to('see', see)
}

function operationFlow(trial: OperationTrial, wrap: Wraps): Flow {
  const operation = wrap.operation(trial.operation as unknown as Operation<unknown, unknown>)
  const { kind } = operation.guarantee
  return flow(TO, { onError: retry({ attempts: ATTEMPTS, backoff: exponential('200ms', '5s') }) })
    .from(inbox<TrialItem>(), { key: ({ key }) => key })
    .to('apply', operation, {
      input: (item) => trial.input(item),
      timeout: kind === 'verify' ? SHORT : LONG,
      ...(kind === 'none' ? { onUnknown: 'inDoubt' as const } : {}),
    })
}
