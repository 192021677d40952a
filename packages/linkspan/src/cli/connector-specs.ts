import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConnectorSpec } from '../connect/index.ts'
import type { CliDependencies } from './dependencies.ts'
import { unreachable } from './failure.ts'

/** A connector of this package. */
export interface KnownConnector {
  readonly name: string
  /** What it is imported from: `linkspan/kafka`. */
  readonly door: string
  /** Loads what it says of itself, and no client library. */
  load(): Promise<ConnectorSpec>
}

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
}

const DOOR = /^\.\/(?:src|dist)\/connect\/([\w-]+)\/index\./

/** The connectors of this package: those of its doors that lead to one. */
export async function knownConnectors({
  folder,
}: CliDependencies['self']): Promise<readonly KnownConnector[]> {
  const { name, exports } = await manifestOf(folder)
  return Object.entries(exports)
    .filter(([path, target]) => DOOR.exec(fileOf(target))?.[1] === path.slice('./'.length))
    .map(([path]) => connectorOf(path.slice('./'.length), `${name}${path.slice(1)}`))
}

function connectorOf(name: string, door: string): KnownConnector {
  return {
    name,
    door,
    async load() {
      const module = (await import(door)) as Readonly<Record<string, unknown>>
      // Its name has the system's own capitals: `azure-devops` has `azureDevOpsSpec`.
      const wanted = `${name.replaceAll('-', '')}spec`
      const found = Object.entries(module).find(([each]) => each.toLowerCase() === wanted)
      return found?.[1] as ConnectorSpec
    },
  }
}

function fileOf(target: unknown): string {
  const file =
    typeof target === 'object' && target !== null ? (target as { default?: unknown }).default : target
  return typeof file === 'string' ? file : ''
}

async function manifestOf(folder: string): Promise<Manifest> {
  const file = join(folder, 'package.json')
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Manifest
  } catch (error) {
    throw unreachable(`${file} cannot be read. Install linkspan again.`, error)
  }
}
