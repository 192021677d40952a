/** Servers for tests and benchmarks, from Debian's packages. `npm run services -- --help` */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/files.ts'
import { down, named, type Place, states, up, withNeeds } from './services/control.ts'
import { services } from './services/list.ts'
import type { Obtainable, Service } from './services/service.ts'

const help = `npm run services                       brings all up
npm run services -- down               takes all down; their data stays
npm run services -- status             which are up, and how tests find them
npm run services -- --list             which there are, and whether they can be had here
npm run services -- --only postgres    only these, and what they need; separated by commas

Data and logs lie in data/services, or in LINKSPAN_SERVICES_FOLDER.
With Docker instead: docker compose up --detach --wait`

function print(line: string): void {
  console.log(line)
}

const place: Place = {
  folder: process.env['LINKSPAN_SERVICES_FOLDER'] ?? join(root, 'data', 'services'),
  say: print,
}

const variables = ({ environment }: Service) =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`)

function list(wanted: readonly Service[]): void {
  for (const service of wanted)
    print(`${service.name.padEnd(12)} ${service.about.padEnd(30)} ${had(service.obtainable())}`)
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

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [verb = 'up', ...rest] = positionals
  if (values.help) return print(help)
  const names = values.only?.split(',').map((name) => name.trim()) ?? null
  if (rest.length > 0 || !['up', 'down', 'status'].includes(verb)) {
    throw new Error(`What is '${positionals.join(' ')}'?\n${help}`)
  }
  const wanted = named(services, names)
  if (values.list) return list(wanted)
  if (verb === 'up') return bringUp(withNeeds(wanted, services))
  return verb === 'down' ? down(wanted, place) : status(wanted)
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
})
