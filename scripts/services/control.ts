import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { answers } from '../lib/loopback.ts'
import { killDaemon, lastWords, running, signalDaemon, startDaemon, stopDaemon } from './daemon.ts'
import type { Service } from './service.ts'

/** Where services keep their data, and where lines for people go. */
export interface Place {
  readonly folder: string
  say(line: string): void
}

/** How a service stands. */
export type State = 'ready' | 'starting' | 'down' | 'another program is on its port'

const startLimitMs = 120_000
const stopLimitMs = 30_000

/** Those of the given names, in their order; all without names. */
export function named(services: readonly Service[], names: readonly string[] | null): readonly Service[] {
  if (names === null) return services
  const known = services.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw new Error(`No service '${unknown.join("', '")}'. There are: ${known.join(', ')}.`)
  return services.filter(({ name }) => names.includes(name))
}

/** These with all they need, in the order in which they come up. */
export function withNeeds(wanted: readonly Service[], services: readonly Service[]): readonly Service[] {
  const names = new Set(wanted.map(({ name }) => name))
  for (const service of services.toReversed()) {
    if (names.has(service.name)) for (const need of service.needs) names.add(need)
  }
  return services.filter(({ name }) => names.has(name))
}

/** Brings services up, in order. Those that run are left as they are. One that fails keeps only those from coming up that need it. */
export async function up(services: readonly Service[], place: Place): Promise<void> {
  const failures = new Map<string, string>()
  for (const service of services) {
    const missing = service.needs.find((need) => failures.has(need))
    const failure =
      missing === undefined
        ? await failureOf(upOne(service, place))
        : `${service.name} stays down: it needs ${missing}.`
    if (failure !== null) failures.set(service.name, failure)
  }
  if (failures.size > 0) throw new Error([...failures.values()].join('\n\n'))
}

const failureOf = (done: Promise<void>): Promise<string | null> =>
  done.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )

/** Takes services down as they want to be, and brings them up again. */
export async function restart(services: readonly Service[], place: Place): Promise<void> {
  await down(services, place)
  await up(services, place)
}

/** Ends services at once, with no word to them, and leaves them down. */
export async function kill(services: readonly Service[], place: Place): Promise<void> {
  for (const service of services) {
    const ran = await killDaemon(folderOf(service, place))
    place.say(`${service.name} ${ran ? 'was killed' : 'was not up'}`)
  }
}

/** Stops services in the middle of what they do: they keep their connections and answer nothing. */
export function freeze(services: readonly Service[], place: Place): void {
  signalAll(services, place, 'SIGSTOP', 'is frozen')
}

/** Lets frozen services go on. */
export function thaw(services: readonly Service[], place: Place): void {
  signalAll(services, place, 'SIGCONT', 'goes on')
}

function signalAll(services: readonly Service[], place: Place, signal: NodeJS.Signals, done: string): void {
  for (const service of services) {
    const ran = signalDaemon(folderOf(service, place), signal)
    place.say(`${service.name} ${ran ? done : 'was not up'}`)
  }
}

async function upOne(service: Service, place: Place): Promise<void> {
  const folder = folderOf(service, place)
  if (running(folder) !== null) {
    await untilReady(service, folder)
    return place.say(`${service.name} is up already, on ${portsOf(service)}`)
  }
  await ensureInstalled(service, place)
  await ensureFreePorts(service)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  startDaemon(service.start(folder), folder)
  await untilReady(service, folder)
  place.say(`${service.name} is up, on ${portsOf(service)}`)
}

async function ensureInstalled(service: Service, place: Place): Promise<void> {
  const found = service.obtainable()
  if (found.state === 'no') throw new Error(`${service.name} cannot be had here: ${found.why}`)
  if (found.state === 'installed') return
  place.say(`${service.name} is being installed: ${found.from}`)
  try {
    service.install()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${service.name} could not be installed (${found.from}). Is the network there? ${why}`, {
      cause,
    })
  }
  if (service.obtainable().state !== 'installed') {
    throw new Error(`${service.name} is still missing after: ${found.from}`)
  }
}

async function ensureFreePorts(service: Service): Promise<void> {
  for (const port of allPortsOf(service)) {
    if (!(await answers(port))) continue
    throw new Error(
      `Port ${port} of ${service.name} is in use by a program that \`npm run services\` did not start. ` +
        `Find it with: ss -ltnp 'sport = :${port}'`,
    )
  }
}

async function untilReady(service: Service, folder: string): Promise<void> {
  const until = performance.now() + startLimitMs
  while (!(await service.ready(folder))) {
    if (running(folder) === null) throw new Error(`${service.name} ended at its start:\n${lastWords(folder)}`)
    if (performance.now() > until) {
      throw new Error(`${service.name} was not ready after ${startLimitMs / 1000} s:\n${lastWords(folder)}`)
    }
    await pause(20)
  }
}

/** Takes services down, last first. Their data stays. */
export async function down(services: readonly Service[], place: Place): Promise<void> {
  for (const service of services.toReversed()) {
    const ran = await stopDaemon(folderOf(service, place), service.stop, stopLimitMs)
    place.say(`${service.name} ${ran ? 'is down' : 'was not up'}`)
  }
}

/** How each service stands. */
export async function states(services: readonly Service[], place: Place): Promise<readonly State[]> {
  return Promise.all(services.map((service) => stateOf(service, folderOf(service, place))))
}

async function stateOf(service: Service, folder: string): Promise<State> {
  if (running(folder) !== null) return (await service.ready(folder)) ? 'ready' : 'starting'
  const taken = await Promise.all(allPortsOf(service).map(answers))
  return taken.includes(true) ? 'another program is on its port' : 'down'
}

const folderOf = (service: Service, place: Place) => join(place.folder, service.name)

const allPortsOf = ({ ports, innerPorts = {} }: Service) => Object.values({ ...ports, ...innerPorts })

const portsOf = (service: Service) => Object.values(service.ports).join(', ')
