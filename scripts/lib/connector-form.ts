import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientsOf } from '../../packages/linkspan/src/connect/clients.ts'
import type { ConnectorSpec, OptionSpec } from '../../packages/linkspan/src/connect/connector.ts'
import { connectorTables } from './connector-docs.ts'
import { CONNECT, specIn, specName, specOf } from './connectors.ts'
import { filesBelow, isTest, isTypeScript, root } from './files.ts'
import { importsOf } from './imports.ts'

/** The files that every connector's folder has. */
export const FILES: readonly string[] = ['index.ts', 'spec.ts', 'README.md', 'contract.test.ts']

/** The same suite on the real server. */
const ON_SERVER = 'contract.services.test.ts'

/** What is wrong with the folder of a connector; nothing where it has the form that CONTRIBUTING.md says. */
export async function formProblems(name: string, tree: string = root): Promise<readonly string[]> {
  const folder = join(tree, CONNECT, name)
  const missing = FILES.filter((file) => !existsSync(join(folder, file)))
  if (missing.length > 0) return missing.map((file) => `${join(CONNECT, name, file)} is missing`)
  const spec = await specOf(name, tree)
  return [
    ...specProblems(spec),
    ...(await doorProblems(name, folder)),
    ...(tree === root ? await readmeProblems(name, folder) : []),
    ...suiteProblems(folder),
    ...clientProblems(spec, folder, tree),
  ]
}

function specProblems({ summary, options, sources = [], operations = [] }: ConnectorSpec): readonly string[] {
  const parts = [...sources, ...operations]
  const all: readonly OptionSpec[] = [options, ...parts.map((part) => part.options ?? [])].flat()
  const bare = [...parts, ...all].filter((each) => each.summary.trim() === '').map((each) => each.name)
  return [
    ...(summary.trim() === '' ? ['the spec has no summary'] : []),
    ...(parts.length === 0 ? ['the spec lists neither a source nor an operation'] : []),
    ...bare.map((each) => `the spec says nothing of "${each}"`),
    ...twice(options.map((each) => each.name)).map((each) => `the spec has the option "${each}" twice`),
    ...twice(parts.map((each) => each.name)).map((each) => `the spec has "${each}" twice`),
    ...operations
      .filter(({ guarantees }) => guarantees.length === 0)
      .map((each) => `the spec states no guarantee of "${each.name}"`),
  ]
}

const twice = (names: readonly string[]): readonly string[] =>
  names.filter((name, at) => names.indexOf(name) !== at)

async function doorProblems(name: string, folder: string): Promise<readonly string[]> {
  const door = (await import(join(folder, 'index.ts'))) as object
  return specIn(name, door) !== null ? [] : [`its door (index.ts) does not export ${specName(name)}`]
}

async function readmeProblems(name: string, folder: string): Promise<readonly string[]> {
  const text = readFileSync(join(folder, 'README.md'), 'utf8')
  const tables = await connectorTables(name)
  const lacking = tables.filter(({ block }) => !text.includes(`<!-- generated: ${block} -->`))
  return [
    ...lacking.map(({ block }) => `README.md has no place for its ${block}: <!-- generated: ${block} -->`),
    ...(/\]\([./]*docs\/[\w./-]+\.md[)#]/.test(text)
      ? []
      : ['README.md does not lead to the page for people (docs/…)']),
  ]
}

/** A connector is held to the suite, and somewhere on the real system, or it says why not. */
function suiteProblems(folder: string): readonly string[] {
  const here = readFileSync(join(folder, 'contract.test.ts'), 'utf8')
  const there = existsSync(join(folder, ON_SERVER)) ? readFileSync(join(folder, ON_SERVER), 'utf8') : ''
  const onReal = /against:\s*'real system'/.test(here + there)
  const reason = /noRealSystem:\s*(['"`])(?:(?!\1).){10,}\1/s.test(here)
  return [
    ...(here.includes('testConnector(') ? [] : ['contract.test.ts does not call testConnector']),
    ...(there === '' || there.includes('testConnector(') ? [] : [`${ON_SERVER} does not call testConnector`]),
    ...(onReal || reason
      ? []
      : [
          `nothing holds it to the suite on the real system: write ${ON_SERVER}, or say why there is none (noRealSystem: 'the reason')`,
        ]),
  ]
}

function clientProblems(spec: ConnectorSpec, folder: string, tree: string): readonly string[] {
  const { devDependencies = {}, dependencies = {} } = JSON.parse(
    readFileSync(join(tree, 'packages', 'linkspan', 'package.json'), 'utf8'),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>
  const sources = filesBelow(folder, (path) => isTypeScript(path) && !isTest(path))
  return clientsOf(spec).flatMap(({ package: client }) => {
    const loading = sources.filter((path) => loadsAtOnce(readFileSync(join(folder, path), 'utf8'), client))
    return [
      ...(client in devDependencies ? [] : [`its client ${client} is no devDependency of packages/linkspan`]),
      ...(client in dependencies
        ? [`its client ${client} is a dependency that everybody would install`]
        : []),
      ...loading.map((path) => `${path} loads ${client} at once: import it on first use, by importClient`),
    ]
  })
}

/** Whether a source loads a package when it is loaded itself: what stands in an example in its comments does not. */
const loadsAtOnce = (source: string, client: string): boolean =>
  importsOf(source).some(
    ({ kind, specifier }) => kind === 'value' && (specifier === client || specifier.startsWith(`${client}/`)),
  )
