/** The network between the engines, their database and the sinks: a faulty proxy for each engine and each way. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault, Happening } from '../../faults/proxy/plan.ts'
import { type FaultProxy, startProxy } from '../../faults/proxy/proxy.ts'
import type { LineLog } from './line-log.ts'
import type { RigLine, Side } from './protocol.ts'
import { seeded } from './seeded.ts'

/** Where the proxies of one engine lead. */
export interface Addresses {
  /** Null where its journal is a file. */
  readonly database: number | null
  readonly sinks: number
  /** To the same sinks, for what they recognise by a key: requests may be duplicated here. */
  readonly keyed: number
}

/** The network of a run. */
export interface Network {
  /** By engine, from 0. */
  readonly addresses: readonly Addresses[]
  /** What the faults did to connections and requests. */
  readonly happened: Readonly<Record<Happening['kind'], number>>
  /** Connections to the database made from now on go there; the others are as they are. */
  retarget(port: number): void
  /** Does something to a connection of an engine that follows from the number, and heals by itself after a while. */
  strike(chance: number, leaseMs: number): Promise<void>
  /** Resolves when all is healed. */
  healed(): Promise<void>
  close(): Promise<void>
}

/** What a network is made of. */
export interface NetworkOptions {
  readonly engines: number
  readonly databasePort: number | null
  readonly sinksPort: number
  readonly log: LineLog<RigLine>
}

/** A fault, how long it lasts, and whether the connections under it end with it. */
export interface Strike {
  readonly name: string
  readonly fault: Fault
  readonly ms: number
  readonly endsConnections: boolean
}

/** Part of the prepared statement's name, by which the journal's commits are known on the wire. */
const COMMIT = 'linkspan commit'
const [SHORT_MS, LONG_MS] = [300, 1_500]

/** One strike of a side, by a row of chances. */
export function strikeOf(side: Side, random: () => number, leaseMs: number): Strike {
  const kinds = STRIKES[side]
  const make = kinds[Math.floor(random() * kinds.length)] as Make
  return make({ random, leaseMs, below: (most) => Math.floor(random() * most) })
}

interface Chances {
  readonly random: () => number
  readonly below: (most: number) => number
  readonly leaseMs: number
}
type Make = (chances: Chances) => Strike

const brief = (name: string, fault: Fault, ms: number): Strike => ({
  name,
  fault,
  ms,
  endsConnections: false,
})

const reset: Make = ({ below }) => brief('reset', { kind: 'reset' }, below(SHORT_MS))
const cutRequest: Make = ({ below }) =>
  brief('cut request', { kind: 'cut', direction: 'request', after: below(2_000) }, SHORT_MS)
const cutReply: Make = ({ below }) =>
  brief('cut reply', { kind: 'cut', direction: 'reply', after: below(400) }, SHORT_MS)
const delayReply: Make = ({ below }) =>
  brief('delay', { kind: 'delay', ms: 10 + below(150), direction: 'reply' }, LONG_MS)
const dripReply: Make = () => brief('drip', { kind: 'drip', bytes: 16, ms: 5, direction: 'reply' }, LONG_MS)

/**
 * What is held up on the way to the database arrives late, when others may have taken over: the database must refuse it.
 * What is held up on the way to a sink is never delivered: no engine could tell when it may come (README).
 */
const STRIKES: Readonly<Record<Side, readonly Make[]>> = {
  database: [
    reset,
    cutRequest,
    cutReply,
    () => brief('commit reply lost', { kind: 'dropReply', to: COMMIT }, LONG_MS),
    ({ below }) => brief('delay', { kind: 'delay', ms: 10 + below(150) }, LONG_MS),
    () => brief('drip', { kind: 'drip', bytes: 256, ms: 5 }, LONG_MS),
    ({ random, below, leaseMs }) => ({
      name: 'half open',
      fault: random() < 0.5 ? { kind: 'halfOpen' } : { kind: 'halfOpen', direction: 'request' },
      ms: below(2 * leaseMs),
      endsConnections: random() < 0.3,
    }),
  ],
  sinks: [
    reset,
    cutRequest,
    cutReply,
    () => brief('reply lost', { kind: 'dropReply' }, SHORT_MS),
    delayReply,
    dripReply,
    ({ random, below }) => ({
      name: 'half open',
      fault: random() < 0.5 ? { kind: 'halfOpen' } : { kind: 'halfOpen', direction: 'reply' },
      ms: below(2 * LONG_MS),
      endsConnections: true,
    }),
  ],
  keyed: [
    reset,
    cutRequest,
    cutReply,
    () => brief('reply lost', { kind: 'dropReply' }, SHORT_MS),
    delayReply,
    () => brief('duplicate', { kind: 'duplicate' }, LONG_MS),
    () => brief('duplicate', { kind: 'duplicate', copies: 2 }, LONG_MS),
  ],
}

interface Way {
  readonly engine: number
  readonly side: Side
  readonly proxy: FaultProxy
  /** Resolves when its last fault is over. */
  healed: Promise<void>
}

/** Starts the proxies. */
export async function startNetwork({
  engines,
  databasePort,
  sinksPort,
  log,
}: NetworkOptions): Promise<Network> {
  const happened = { reset: 0, replyLost: 0, duplicated: 0, unreadable: 0 }
  const onHappening = ({ kind }: Happening): void => {
    happened[kind] += 1
  }
  const ways: Way[] = []
  const add = async (engine: number, side: Side, port: number): Promise<number> => {
    const proxy = await startProxy({ target: { port }, onHappening })
    ways.push({ engine, side, proxy, healed: Promise.resolve() })
    return proxy.port
  }
  const addresses: Addresses[] = []
  for (let engine = 0; engine < engines; engine++)
    addresses.push({
      database: databasePort === null ? null : await add(engine, 'database', databasePort),
      sinks: await add(engine, 'sinks', sinksPort),
      keyed: await add(engine, 'keyed', sinksPort),
    })
  const healed = async (): Promise<void> => void (await Promise.all(ways.map((way) => way.healed)))
  return {
    addresses,
    happened,
    retarget(port) {
      for (const { side, proxy } of ways) if (side === 'database') proxy.retarget({ port })
    },
    async strike(chance, leaseMs) {
      const random = seeded(Math.floor(chance * 2 ** 32))
      const way = ways[Math.floor(random() * ways.length)] as Way
      const strike = strikeOf(way.side, random, leaseMs)
      await way.healed
      way.healed = suffer(way, strike, log)
    },
    healed,
    async close() {
      for (const { proxy } of ways) await proxy.close()
    },
  }
}

async function suffer(
  { engine, side, proxy }: Way,
  { name, fault, ms, endsConnections }: Strike,
  log: LineLog<RigLine>,
): Promise<void> {
  log.add({ t: 'network', engine, side, fault: name, at: Date.now(), ms })
  proxy.use(fault)
  await pause(ms)
  if (endsConnections) proxy.use({ kind: 'reset' })
  proxy.use({ kind: 'none' })
}
