/** What is done to the engines and what is around them while they work: a seeded row of deeds, one after the other. */
import { setTimeout as pause } from 'node:timers/promises'
import type { OldPrimary } from '../../postgres-server/index.ts'
import type { Database } from './database.ts'
import type { Engine } from './engines.ts'
import type { LineLog } from './line-log.ts'
import type { Network } from './network.ts'
import type { RigLine } from './protocol.ts'
import { seeded } from './seeded.ts'

/** What can be done. */
export const DEED_NAMES = [
  'kills',
  'zombies',
  'databaseKills',
  'promotions',
  'networkFaults',
  'fullDisks',
  'clockSteps',
] as const

export type Deed = (typeof DEED_NAMES)[number]

/** How often what is done. */
export type Deeds = Readonly<Record<Deed, number>>

/** How engines are tormented. */
export interface TormentOptions extends Deeds {
  readonly seed: number
  /** Nothing more is done after so long. */
  readonly seconds: number
  /** The mean time between two deeds. */
  readonly lifeMs: number
  readonly leaseMs: number
}

/** Who is tormented. */
export interface Tormented {
  readonly engines: readonly Engine[]
  readonly database: Database | null
  readonly network: Network | null
  readonly log: LineLog<RigLine>
  /** How many messages were accepted so far. */
  readonly accepted: () => number
  /** How many were answered 503 so far. */
  readonly unavailable: () => number
  readonly done: (deed: Deed) => void
}

/** The share of kills that fall into the start of an engine. */
const STARTING_SHARE = 0.15
const STARTING_MS = 250
/** A stop is longer than the lease by this at least, and by that at most. */
const [LEAST_STOP_MS, MOST_STOP_MS] = [300, 2_300]
const MOST_DOWN_MS = 600
const BACK_LIMIT_MS = 180_000
/** A full disk is met when something new needs a page of its own. */
const [FULL_LIMIT_MS, MOST_FULL_MS] = [60_000, 3_000]
const DAY_MS = 86_400_000
/** How far clocks are set from the machine's. */
const [EARLIEST_MS, LATEST_MS] = [-7 * DAY_MS, 30 * DAY_MS]
const OLD_PRIMARIES: readonly OldPrimary[] = ['kill', 'suspend', 'keep']

/** Where all clocks are when an engine that goes by its machine's has to come to its end: past all that waits for a time. */
export const PAST_ALL_MS = LATEST_MS + DAY_MS

/** The deeds in their order, which follows from the seed. */
export function deedsOf(times: Deeds, random: () => number): readonly Deed[] {
  const deeds = DEED_NAMES.flatMap((deed) => new Array<Deed>(times[deed]).fill(deed))
  for (let at = deeds.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [one, two] = [deeds[at], deeds[other]] as [Deed, Deed]
    deeds[at] = two
    deeds[other] = one
  }
  return deeds
}

/** Does all of it, then leaves engines that run and a network that is whole. Clocks stay as they are. */
export async function torment(tormented: Tormented, options: TormentOptions): Promise<void> {
  const { engines, network } = tormented
  const random = seeded(options.seed)
  const deadline = Date.now() + options.seconds * 1_000
  const deeds = deedsOf(options, random)
  for (const engine of engines) await engine.serving()
  for (const deed of deeds) {
    if (Date.now() > deadline) break
    // Always as many numbers, so that what a deed draws does not depend on what the others met.
    const chances: Chances = { who: random(), when: random(), more: random() }
    await DEEDS[deed](tormented, chances, options)
    tormented.done(deed)
  }
  await network?.healed()
  for (const engine of engines) await engine.continued
  for (const engine of engines) await engine.serving()
}

interface Chances {
  readonly who: number
  readonly when: number
  readonly more: number
}

const DEEDS: Readonly<
  Record<Deed, (tormented: Tormented, chances: Chances, options: TormentOptions) => Promise<void>>
> = {
  kills: kill,
  zombies: zombie,
  databaseKills: killDatabase,
  promotions: promote,
  networkFaults: hurtNetwork,
  fullDisks: fillDisk,
  clockSteps: setClock,
}

/** One that is not stopped; waits until there is one. */
async function chosen(engines: readonly Engine[], who: number): Promise<Engine> {
  for (;;) {
    const free = engines.filter(({ state }) => state !== 'stopped')
    const engine = free[Math.floor(who * free.length)]
    if (engine) return engine
    await Promise.race(engines.map(({ continued }) => continued))
  }
}

async function kill({ engines }: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const engine = await chosen(engines, chances.who)
  if (chances.more >= STARTING_SHARE) await engine.serving()
  await pause(chances.when * (engine.state === 'starting' ? STARTING_MS : 2 * options.lifeMs))
  await engine.kill()
}

/** Where there are several, one goes on at least. */
async function zombie({ engines }: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const stopped = engines.filter(({ state }) => state === 'stopped')
  if (stopped.length > 0 && stopped.length >= engines.length - 1)
    await Promise.race(stopped.map(({ continued }) => continued))
  const engine = await chosen(engines, chances.who)
  await engine.serving()
  await pause(chances.when * 2 * options.lifeMs)
  engine.stopFor(options.leaseMs + LEAST_STOP_MS + chances.more * (MOST_STOP_MS - LEAST_STOP_MS))
}

/** The whole server at once, while something is being accepted; waits until something is again. */
async function killDatabase(tormented: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const { log } = tormented
  const { server } = databaseOf(tormented)
  await more(tormented)
  await pause(chances.when * 2 * options.lifeMs)
  const at = Date.now()
  log.add({ t: 'database killed', at })
  await server.kill9()
  await pause(chances.more * MOST_DOWN_MS)
  await server.restart()
  await more(tormented)
  log.add({ t: 'database back', at: Date.now(), ms: Date.now() - at })
}

function databaseOf({ database }: Tormented): Database {
  if (database === null) throw new Error('There is no database to do this to.')
  return database
}

/** The standby becomes the primary, its address with it; when something was accepted again it gets a standby. */
async function promote(tormented: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const { network, log } = tormented
  const database = databaseOf(tormented)
  await more(tormented)
  await pause(chances.when * 2 * options.lifeMs)
  const old = OLD_PRIMARIES[Math.floor(chances.more * OLD_PRIMARIES.length)] as OldPrimary
  const at = Date.now()
  await database.promote(old)
  network?.retarget(database.server.port)
  await more(tormented)
  log.add({ t: 'promoted', at, ms: Date.now() - at, old })
  await database.renew()
}

/** Goes on at once: other deeds fall into it. */
async function hurtNetwork(tormented: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const { network } = tormented
  if (network === null) throw new Error('There is no network to do this to.')
  await pause(chances.when * 2 * options.lifeMs)
  await network.strike(chances.who, options.leaseMs)
}

/** Full until messages were refused for it, and a while longer. */
async function fillDisk(tormented: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const { log, unavailable } = tormented
  const database = databaseOf(tormented)
  await more(tormented)
  await pause(chances.when * 2 * options.lifeMs)
  const before = unavailable()
  log.add({ t: 'disk full', at: Date.now() })
  database.fill()
  const deadline = Date.now() + FULL_LIMIT_MS
  while (unavailable() === before && Date.now() < deadline) await pause(20)
  await pause(chances.more * MOST_FULL_MS)
  const refused = unavailable() - before
  const at = Date.now()
  await database.free()
  await more(tormented)
  log.add({ t: 'disk free', at, ms: Date.now() - at, refused })
}

/** One engine's, so that they disagree. */
async function setClock({ engines }: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const engine = await chosen(engines, chances.who)
  await pause(chances.when * 2 * options.lifeMs)
  engine.setClock(Math.round(EARLIEST_MS + chances.more * (LATEST_MS - EARLIEST_MS)))
}

async function more({ engines, accepted }: Tormented): Promise<void> {
  const before = accepted()
  const deadline = Date.now() + BACK_LIMIT_MS
  while (accepted() === before) {
    if (Date.now() > deadline) throw new Error(`Nothing was accepted for ${BACK_LIMIT_MS} ms.`)
    for (const engine of engines) if (engine.state === 'starting') await engine.serving()
    await pause(20)
  }
}
