/** The systems as a connector offers them to the flows. */
import type {
  CallContext,
  ConnectionDeclaration,
  Connector,
  Guarantee,
  Operation,
  SourceDeclaration,
} from 'linkspan/connect'
import { acceptWhenRoom, wait } from 'linkspan/connect'
import type { Life } from './engines.ts'
import type { SystemName } from './failpoints.ts'
import { type Network, SETTLE_MS, TIMEOUT_MS } from './network.ts'
import { type Echo, KEY_VALID_FOR, type Request, type Sunk } from './systems.ts'

/** The operations of a run, one for each guarantee. */
export interface Operations {
  readonly natural: Operation<Sunk, Echo, { readonly kind: 'natural' }>
  readonly key: Operation<Sunk, Echo, { readonly kind: 'key'; readonly validFor: typeof KEY_VALID_FOR }>
  readonly verify: Operation<Sunk, Echo, { readonly kind: 'verify'; readonly settleAfter: number }>
  readonly none: Operation<Sunk, Echo, { readonly kind: 'none' }>
}

/** What belongs to the systems and is handed to the flows. */
export interface Connected {
  readonly operations: Operations
  /** The feed: items in their order, the place of the last one as the cursor. */
  readonly feed: SourceDeclaration<Sunk>
}

/** Connects flows with the systems behind a network. `named` finds an engine's life by its directory. */
export function connected(network: Network, named: (directory: string) => Life): Connected {
  const connection = connectionOf(named)
  const operation = <G extends Guarantee>(system: SystemName, guarantee: G): Operation<Sunk, Echo, G> => ({
    connection,
    name: system,
    guarantee,
    timeout: TIMEOUT_MS,
    run: (client, input, call) => network.call(client as Life, requestOf(system, input, call)),
    ...(guarantee.kind === 'verify'
      ? {
          verify: (client: unknown, input: Sunk, call: CallContext) =>
            network.ask(client as Life, requestOf(system, input, call)),
        }
      : {}),
  })
  return {
    operations: {
      natural: operation('natural', { kind: 'natural' }),
      key: operation('key', { kind: 'key', validFor: KEY_VALID_FOR }),
      verify: operation('verify', { kind: 'verify', settleAfter: SETTLE_MS }),
      none: operation('none', { kind: 'none' }),
    },
    feed: feedOf(connection, network),
  }
}

function requestOf(system: SystemName, input: Sunk, { messageId, mark }: CallContext): Request {
  return { system, input, messageId, mark }
}

/** An engine is known by its directory, so that the flows of all engines can be the same. */
function connectionOf(named: (name: string) => Life): ConnectionDeclaration {
  const connector: Connector<unknown, Life> = {
    name: 'simulated',
    spec: { summary: 'Systems of a simulation.', stability: 'experimental', options: [] },
    config: { '~standard': { version: 1, vendor: 'simulation', validate: (value) => ({ value }) } },
    connect: async (_config, { directory }) => named(directory),
  }
  return { name: 'systems', connector: connector as Connector<unknown, unknown>, optional: true }
}

const FIRST_POLL_MS = 2_000
/** Nothing new makes the pauses longer, so that days of waiting cost little. */
const LONGEST_POLL_MS = 3_600_000

function feedOf(connection: ConnectionDeclaration, network: Network): SourceDeclaration<Sunk> {
  return {
    kind: 'poll',
    connector: 'simulated',
    name: 'feed',
    options: {},
    connection,
    async start(context) {
      const end = new AbortController()
      const signal = AbortSignal.any([context.signal, end.signal])
      const client = (await context.client()) as Life
      let place = Number((await context.cursor()) ?? 0)
      let pauseMs = FIRST_POLL_MS

      const poll = async (): Promise<void> => {
        const items = await network.read(client, place)
        pauseMs = items.length > 0 ? FIRST_POLL_MS : Math.min(pauseMs * 2, LONGEST_POLL_MS)
        if (items.length === 0 || signal.aborted) return
        const next = place + items.length
        const messages = items.map((body) => ({ body }))
        if (await acceptWhenRoom(context, signal, messages, String(next))) place = next
      }

      const run = async (): Promise<void> => {
        while (await wait(context.clock, pauseMs, signal)) await poll().catch(() => undefined)
      }

      // The first one is part of the start: a feed that cannot be read is a source that fails.
      await poll()
      const running = run()
      return {
        stop: async () => {
          end.abort()
          await running
        },
      }
    },
  }
}
