import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectorSpec } from '../../packages/linkspan/src/connect/connector.ts'
import { root } from './files.ts'

/** Where connectors live. */
export const CONNECT = join('packages', 'linkspan', 'src', 'connect')

/** Folders beside the connectors that are none. */
const OTHERS = ['fixtures']

/** The names of all connectors: those whose door the package has. */
export function connectorNames(tree: string = root): readonly string[] {
  const { exports = {} } = JSON.parse(
    readFileSync(join(tree, 'packages', 'linkspan', 'package.json'), 'utf8'),
  ) as { readonly exports?: Readonly<Record<string, unknown>> }
  return folders(tree).filter((name) => `./${name}` in exports)
}

/** Folders of connectors that are not finished: the package has no door of them. */
export function unfinishedConnectors(tree: string = root): readonly string[] {
  const finished = connectorNames(tree)
  return folders(tree).filter((name) => !finished.includes(name))
}

function folders(tree: string): readonly string[] {
  return readdirSync(join(tree, CONNECT), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !OTHERS.includes(entry.name))
    .map(({ name }) => name)
    .sort()
}

/** `azure-devops` as a name in code: `azureDevops`. */
export function camel(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())
}

/** What the door of a connector exports its spec as; a brand keeps its capitals: `azureDevOpsSpec`. */
export const specName = (name: string): string => `${camel(name)}Spec`

/** The spec that a module exports, whatever capitals its name has. */
export function specIn(name: string, module: object): ConnectorSpec | null {
  const wanted = specName(name).toLowerCase()
  const found = Object.entries(module).find(([each]) => each.toLowerCase() === wanted)
  return (found?.[1] as ConnectorSpec | undefined) ?? null
}

/** What a connector says of itself. */
export async function specOf(name: string, tree: string = root): Promise<ConnectorSpec> {
  const found = specIn(name, (await import(join(tree, CONNECT, name, 'spec.ts'))) as object)
  if (found === null) throw new Error(`${join(CONNECT, name, 'spec.ts')} does not export ${specName(name)}`)
  return found
}
