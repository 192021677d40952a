/** Begins a connector: a folder that has the form of CONTRIBUTING.md and passes the suite on a fake. `npm run new:connector NAME` */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { update } from './lib/blocks.ts'
import { connectorList, connectorTables } from './lib/connector-docs.ts'
import { CONNECT, camel } from './lib/connectors.ts'
import { filesBelow, root } from './lib/files.ts'

const templates = join(root, 'scripts', 'templates', 'connector')
const manifest = join(root, 'packages', 'linkspan', 'package.json')

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/

/** Why a connector cannot have a name, or null. */
function problemOf(name: string | undefined): string | null {
  if (name === undefined) return 'Say what it is called: npm run new:connector NAME'
  if (!NAME.test(name))
    return `"${name}" is no name of a connector: small letters, digits and dashes, as azure-devops.`
  if (existsSync(join(root, CONNECT, name))) return `${join(CONNECT, name)} is there already.`
  if (`./${name}` in readManifest().exports) return `The package has a door "linkspan/${name}" already.`
  return null
}

interface Doors {
  readonly exports: Record<string, unknown>
}

const readManifest = (): Doors => JSON.parse(readFileSync(manifest, 'utf8')) as Doors

/** Writes the folder; answers its files. */
function writeFolder(name: string): readonly string[] {
  return filesBelow(templates, (path) => path.endsWith('.template')).map((path) => {
    const file = join(CONNECT, name, named(path.replace(/\.template$/, ''), name))
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), named(readFileSync(join(templates, path), 'utf8'), name))
    return file
  })
}

/** The placeholders are the name in its three spellings. */
function named(text: string, name: string): string {
  const own = camel(name)
  const type = `${own.charAt(0).toUpperCase()}${own.slice(1)}`
  return text.replaceAll('Camel', type).replaceAll('camel', own).replaceAll('kebab', name)
}

/** The door comes behind those of the other connectors. */
function openDoor(name: string): void {
  const { exports, ...rest } = readManifest()
  const at = (folder: string, end: string): string => `./${folder}/connect/${name}/index.${end}`
  const door = { source: at('src', 'ts'), types: at('dist', 'd.ts'), default: at('dist', 'js') }
  const doors = Object.entries(exports)
  const before = doors.findIndex(([path]) => path === './serve')
  doors.splice(before < 0 ? doors.length : before, 0, [`./${name}`, door])
  const order = Object.keys(JSON.parse(readFileSync(manifest, 'utf8')) as object)
  const all: Record<string, unknown> = { ...rest, exports: Object.fromEntries(doors) }
  const ordered = Object.fromEntries(order.map((key) => [key, all[key]]))
  writeFileSync(manifest, `${JSON.stringify(ordered, null, 2)}\n`)
}

async function main(name: string | undefined): Promise<void> {
  const problem = problemOf(name)
  if (problem !== null || name === undefined) throw new Error(problem ?? '')
  const files = writeFolder(name)
  openDoor(name)
  for (const table of [...(await connectorTables(name)), await connectorList()]) update(table)
  console.log(`${files.join('\n')}\n
It passes its tests on a fake: npx vitest run ${join(CONNECT, name)} tests/connectors
Now make it yours: spec.ts says what there is, client.ts what you use of the system's client (a client library goes through
importClient), failure.ts what its failures mean. Then a service in scripts/services, contract.services.test.ts, and
docs/connectors/${name}.md. CONTRIBUTING.md says the rest.`)
}

await main(process.argv[2]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
})
