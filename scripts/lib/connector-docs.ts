import { join } from 'node:path'
import {
  operationsTable,
  optionsTable,
  sourcesTable,
} from '../../packages/linkspan/src/connect/spec-tables.ts'
import type { Generated } from './blocks.ts'
import { CONNECT, connectorNames, specOf } from './connectors.ts'

/** The tables that the README of a connector has: those of what its spec says. */
export async function connectorTables(name: string): Promise<readonly Generated[]> {
  const { options, sources = [], operations = [] } = await specOf(name)
  const file = join(CONNECT, name, 'README.md')
  return [
    ...(options.length === 0 ? [] : [{ file, block: 'options', make: () => optionsTable(options) }]),
    ...(sources.length === 0 ? [] : [{ file, block: 'sources', make: () => sourcesTable(sources) }]),
    ...(operations.length === 0
      ? []
      : [{ file, block: 'operations', make: () => operationsTable(operations) }]),
  ]
}

/** The list of all connectors in the README of the repository. */
export async function connectorList(): Promise<Generated> {
  const rows = await Promise.all(
    connectorNames().map(async (name) => `| \`'linkspan/${name}'\` | ${(await specOf(name)).summary} |`),
  )
  return {
    file: 'README.md',
    block: 'connectors',
    make: () => ['| import from | |', '|---|---|', ...rows].join('\n'),
  }
}

/** All that the documentation says of connectors by their specs. */
export async function connectorDocs(): Promise<readonly Generated[]> {
  const tables = await Promise.all(connectorNames().map((name) => connectorTables(name)))
  return [await connectorList(), ...tables.flat()]
}
