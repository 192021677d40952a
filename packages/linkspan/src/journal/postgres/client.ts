import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LinkspanError } from '../../model/errors.ts'

/** A row of a result, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>

/** A query as the client takes it. A `name` prepares it once per connection. */
export interface Query {
  readonly text: string
  readonly name?: string
  readonly values?: readonly unknown[]
}

/** What we use of a connection of the package `pg`. */
export interface Client {
  /** The process that serves it, as told at its start; a pooler tells another. */
  readonly processID: number | null
  connect(): Promise<unknown>
  query(query: Query & { readonly queryMode: 'extended' }): Promise<{
    readonly rows: readonly Row[]
  }>
  /** Runs a query that handles the protocol's messages itself. */
  query(submittable: object): unknown
  end(): Promise<void>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
}

/** What we use of the package `pg`. */
export interface ClientPackage {
  readonly Client: new (options: Readonly<Record<string, unknown>>) => Client
}

/** What the message tells to install: the range that the journal is tested with. */
const INSTALL = 'npm install pg@8'

/**
 * The client's package: the project's own (also where packages are linked, as pnpm does), else ours.
 * @throws {LinkspanError} `CLIENT_MISSING`
 */
export async function importClient(directory: string, own: string = import.meta.url): Promise<ClientPackage> {
  const found = resolvable(join(directory, 'package.json')) ?? resolvable(own)
  if (found === null)
    throw new LinkspanError(
      'CLIENT_MISSING',
      `The journal on PostgreSQL needs the package "pg", which is not installed in ${directory}. Run: ${INSTALL}`,
      { details: { package: 'pg', install: INSTALL } },
    )
  const module = (await import(pathToFileURL(found).href)) as Partial<ClientPackage> & {
    readonly default?: Partial<ClientPackage>
  }
  const Client = module.Client ?? module.default?.Client
  if (Client !== undefined) return { Client }
  throw new LinkspanError(
    'CLIENT_MISSING',
    `The package at ${found} is not the package "pg". Run: ${INSTALL}`,
    {
      details: { package: 'pg', found, install: INSTALL },
    },
  )
}

function resolvable(from: string): string | null {
  try {
    return createRequire(from).resolve('pg')
  } catch {
    return null
  }
}
