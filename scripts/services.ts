/** Servers for tests and benchmarks, from Debian's packages, Maven Central and the Go module proxy. `npm run services -- --help` */
import { parseArgs } from 'node:util'
import {
  down,
  freeze,
  kill,
  named,
  type Place,
  restart,
  states,
  thaw,
  up,
  withNeeds,
} from './services/control.ts'
import { services } from './services/list.ts'
import { servicesFolder } from './services/presence.ts'
import type { Obtainable, Service } from './services/service.ts'

const help = `npm run services                            brings up all that can be had here
npm run services -- up kafka redis          brings up these, and what they need
npm run services -- down [names]            takes them down; their data stays
npm run services -- status [names]          which are up, and how tests find them
npm run services -- restart kafka           down in order, and up again
npm run services -- kill kafka-2            ends it at once, and leaves it down
npm run services -- freeze kafka            stops it in the middle of its work; thaw lets it go on
npm run services -- --list                  which there are, and whether they can be had here

Data and logs lie in data/services, or in LINKSPAN_SERVICES_FOLDER; downloads in the user's cache, or in
LINKSPAN_SERVICES_CACHE. With Docker instead: docker compose up --detach --wait`

function print(line: string): void {
  console.log(line)
}

const place: Place = {
  folder: servicesFolder(),
  say: print,
}

const variables = ({ environment }: Service) =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`)

function list(wanted: readonly Service[]): void {
  for (const service of wanted)
    print(`${service.name.padEnd(12)} ${service.about.padEnd(46)} ${had(service.obtainable())}`)
}

function had(found: Obtainable): string {
  if (found.state === 'installed') return `installed, ${found.version}`
  return found.state === 'install' ? `will be installed: ${found.from}` : `not to be had: ${found.why}`
}

async function status(wanted: readonly Service[]): Promise<void> {
  const all = await states(wanted, place)
  for (const [at, service] of wanted.entries()) {
    print(`${service.name.padEnd(12)} ${all[at]}`)
    if (all[at] === 'ready') for (const variable of variables(service)) print(`${''.padEnd(12)} ${variable}`)
  }
  if (all.some((state) => state !== 'ready')) process.exitCode = 1
}

async function bringUp(wanted: readonly Service[]): Promise<void> {
  await up(wanted, place)
  print('\nFor the tests:')
  for (const variable of wanted.flatMap(variables)) print(`export ${variable}`)
}

/** All that can be had here; the others are named. */
function possible(): readonly Service[] {
  return services.filter((service) => {
    const found = service.obtainable()
    if (found.state === 'no') print(`${service.name} is left out: ${found.why}`)
    return found.state !== 'no'
  })
}

type Verb = (names: readonly string[] | null) => Promise<void> | void

/** A verb that does nothing without names: it would hit all. */
const withNames =
  (run: (wanted: readonly Service[], place: Place) => Promise<void> | void): Verb =>
  (names) => {
    if (names === null) throw new Error(`Which? There are: ${services.map(({ name }) => name).join(', ')}.`)
    return run(named(services, names), place)
  }

const verbs: Readonly<Record<string, Verb>> = {
  up: (names) => bringUp(names === null ? possible() : withNeeds(named(services, names), services)),
  down: (names) => down(named(services, names), place),
  status: (names) => status(named(services, names)),
  restart: withNames(restart),
  kill: withNames(kill),
  freeze: withNames(freeze),
  thaw: withNames(thaw),
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { list: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return print(help)
  if (values.list) return list(services)
  const [name = 'up', ...names] = positionals
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (verb === undefined) throw new Error(`What is '${positionals.join(' ')}'?\n${help}`)
  await verb(names.length === 0 ? null : names)
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
})
