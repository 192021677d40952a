import type { Client, ClientPackage, Query, Row } from './client.ts'
import { failureOf } from './postgres-error.ts'
import { resultTypes } from './result-types.ts'

/** One connection to the database, made when it is needed and made anew after it broke. */
export interface Link {
  /** How many queries wait for their answer. */
  readonly busy: number
  /** Runs a query. What is asked meanwhile is sent at once and answered in turn. */
  ask(query: Query): Promise<readonly Row[]>
  /** Runs a query that can be prepared, where that is possible. */
  askPrepared(query: Query & { readonly name: string }): Promise<readonly Row[]>
  /** The connection itself, for what is not a plain query. */
  client(): Promise<Client>
  /** Lets go of the connection; the next query makes a new one. */
  drop(): Promise<void>
}

/** How connections are made. */
export interface LinkOptions {
  readonly client: ClientPackage
  /** Where to, asked for each new connection. */
  readonly url: () => string | Promise<string>
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Prepare statements; null: unless there is a pooler between. */
  readonly preparedStatements: boolean | null
  /** Whether queries are sent without waiting for the answers of those before. */
  readonly pipeline: boolean
}

interface Open {
  readonly client: Client
  readonly prepares: boolean
}

/** Makes a link. */
export function createLink(options: LinkOptions): Link {
  let open: Promise<Open> | null = null
  let busy = 0

  const connect = async (broken: () => void): Promise<Open> => {
    const client = new options.client.Client({
      connectionString: await options.url(),
      application_name: 'linkspan',
      connectionTimeoutMillis: options.connectTimeoutMs,
      query_timeout: options.answerTimeoutMs,
      pipeline: options.pipeline,
      keepAlive: true,
      types: resultTypes,
    })
    // A connection that breaks says so up to twice, whether or not a query waits.
    client.on('error', broken)
    client.on('end', broken)
    await client.connect()
    return { client, prepares: options.preparedStatements ?? (await isDirect(client)) }
  }
  const current = (): Promise<Open> => {
    if (open !== null) return open
    const forget = (): void => {
      if (open === attempt) open = null
    }
    const attempt = connect(forget)
    attempt.catch(forget)
    open = attempt
    return attempt
  }
  const drop = async (): Promise<void> => {
    const last = open
    open = null
    const found = await last?.catch(() => null)
    await found?.client.end().catch(() => undefined)
  }
  const send = async (query: Query, prepare: boolean): Promise<readonly Row[]> => {
    busy += 1
    try {
      const { client, prepares } = await current()
      const { name, ...plain } = query
      const named = prepare && prepares && name !== undefined ? query : plain
      const { rows } = await client.query({ ...named, queryMode: 'extended' })
      return rows
    } catch (error) {
      if (failureOf(error) === 'lost') void drop()
      throw error
    } finally {
      busy -= 1
    }
  }
  return {
    get busy() {
      return busy
    },
    ask: (query) => send(query, false),
    askPrepared: (query) => send(query, true),
    client: async () => (await current()).client,
    drop,
  }
}

/** A pooler tells a process of its own; between it and us, prepared statements may end up in different sessions. */
async function isDirect(client: Client): Promise<boolean> {
  const { rows } = await client.query({
    text: 'SELECT pg_backend_pid() AS pid',
    queryMode: 'extended',
  })
  return rows[0]?.['pid'] === client.processID
}

/** Several links that share what is asked of them. */
export function createLinks(count: number, options: LinkOptions): Pick<Link, 'ask' | 'askPrepared' | 'drop'> {
  const links = Array.from({ length: count }, () => createLink(options))
  const freest = (): Link => links.reduce((best, link) => (link.busy < best.busy ? link : best))
  return {
    ask: (query) => freest().ask(query),
    askPrepared: (query) => freest().askPrepared(query),
    drop: async () => void (await Promise.all(links.map((link) => link.drop()))),
  }
}
