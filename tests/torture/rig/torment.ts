/** What is done to the engines and their database while they work: a seeded row of deeds, one after the other. */
import { setTimeout as pause } from 'node:timers/promises'
import type { PostgresServer } from '../../postgres-server/index.ts'
import type { Engine } from './engines.ts'
import type { LineLog } from './line-log.ts'
import type { RigLine } from './protocol.ts'
import { seeded } from './seeded.ts'

/** How engines are tormented. */
export interface TormentOptions {
  readonly seed: number
  readonly kills: number
  readonly zombies: number
  readonly databaseKills: number
  /** Nothing more is done after so long. */
  readonly seconds: number
  /** The mean time between two deeds. */
  readonly lifeMs: number
  readonly leaseMs: number
}

/** Who is tormented. */
export interface Tormented {
  readonly engines: readonly Engine[]
  readonly database: PostgresServer | null
  readonly log: LineLog<RigLine>
  /** How many messages were accepted so far. */
  readonly accepted: () => number
  readonly done: (deed: Deed) => void
}

export type Deed = 'kill' | 'zombie' | 'database'

/** The share of kills that fall into the start of an engine. */
const STARTING_SHARE = 0.15
const STARTING_MS = 250
/** A stop is longer than the lease by this at least, and by that at most. */
const [LEAST_STOP_MS, MOST_STOP_MS] = [300, 2_300]
const MOST_DOWN_MS = 600
const BACK_LIMIT_MS = 60_000

/** The deeds in their order, which follows from the seed. */
export function deedsOf(
  { kills, zombies, databaseKills }: Pick<TormentOptions, 'kills' | 'zombies' | 'databaseKills'>,
  random: () => number,
): readonly Deed[] {
  const deeds: Deed[] = [
    ...new Array<Deed>(kills).fill('kill'),
    ...new Array<Deed>(zombies).fill('zombie'),
    ...new Array<Deed>(databaseKills).fill('database'),
  ]
  for (let at = deeds.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const [one, two] = [deeds[at], deeds[other]] as [Deed, Deed]
    deeds[at] = two
    deeds[other] = one
  }
  return deeds
}

/** Kills, stops and restarts, then leaves engines that run. */
export async function torment(tormented: Tormented, options: TormentOptions): Promise<void> {
  const { engines } = tormented
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
> = { kill, zombie, database }

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
async function database(tormented: Tormented, chances: Chances, options: TormentOptions): Promise<void> {
  const { database: server, log } = tormented
  if (server === null) throw new Error('There is no database to kill.')
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

async function more({ engines, accepted }: Tormented): Promise<void> {
  const before = accepted()
  const deadline = Date.now() + BACK_LIMIT_MS
  while (accepted() === before) {
    if (Date.now() > deadline) throw new Error(`Nothing was accepted for ${BACK_LIMIT_MS} ms.`)
    for (const engine of engines) if (engine.state === 'starting') await engine.serving()
    await pause(20)
  }
}
