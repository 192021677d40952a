import type { Clock } from '../../model/outside.ts'
import { within } from '../within.ts'
import { postgresParser } from './postgres-types.ts'
import { plainRow, type Row } from './row.ts'
import type { SqlValue } from './sql.ts'

/** A connection to PostgreSQL that one alone uses, beside the pool: to read its log, or to see one state of it for long. */
export interface PostgresSession {
  ask(statement: { readonly text: string; readonly values: readonly SqlValue[] }): Promise<readonly Row[]>
  /** Reads the log by a `START_REPLICATION`, until the session ends: rejects then with why. */
  stream(text: string, hear: (frame: Buffer) => void): Promise<never>
  /** Sends a message of the replication protocol. */
  send(frame: Buffer): void
  /** Reads nothing more until `resume`: what comes waits in the server. */
  pause(): void
  resume(): void
  /** Ends it in good order, or at once where that takes too long. */
  close(): Promise<void>
}

/** Makes sessions. */
export type OpenSession = (kind: 'replication' | 'reading') => Promise<PostgresSession>

/** What is used of the package `pg`. */
export interface PgClientClass {
  new (options: Readonly<Record<string, unknown>>): PgClient
}

interface PgClient {
  connect(): Promise<unknown>
  query(query: {
    readonly text: string
    readonly values?: readonly unknown[]
    readonly types: { readonly getTypeParser: (oid: number) => (text: string) => unknown }
  }): Promise<{ readonly rows: readonly object[] }>
  query(query: Submittable): unknown
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** A query that answers for itself, as the package lets others write them. */
interface Submittable {
  submit(connection: PgWire): void
  handleCopyData(message: { readonly chunk: Buffer }): void
  handleCommandComplete(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/** The connection below a client. */
interface PgWire {
  readonly stream: { pause(): unknown; resume(): unknown }
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** So that values come in one form, whatever the server and the user are set to. */
const FORMS =
  '-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex -c timezone=UTC'

const CLOSE_WITHIN_MS = 2_000

/** Connects a session. */
export async function openSession(
  Client: PgClientClass,
  options: Readonly<Record<string, unknown>>,
  kind: 'replication' | 'reading',
  clock: Clock,
): Promise<PostgresSession> {
  const replication = kind === 'replication' ? { replication: 'database' } : {}
  const client = new Client({ ...options, ...replication, options: FORMS })
  // What breaks while nothing is asked shows with the next question.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    await within(clock, CLOSE_WITHIN_MS, client.end())
    throw error
  }
  return sessionOf(client, clock)
}

function sessionOf(client: PgClient, clock: Clock): PostgresSession {
  let streaming: Streaming | null = null
  let closing: Promise<void> | null = null
  const close = async (): Promise<void> => {
    // A server that is told frees the slot at once; one that finds the connection gone takes a while.
    if (streaming !== null) await within(clock, CLOSE_WITHIN_MS, streaming.leave())
    await within(clock, CLOSE_WITHIN_MS, client.end())
  }
  return {
    async ask({ text, values }) {
      // Without values it is the simple protocol, the only one that replication has.
      const sent = values.length === 0 ? {} : { values }
      const { rows } = await client.query({ text, ...sent, types: { getTypeParser: postgresParser } })
      return rows.map((row) => plainRow(row as Record<string, unknown>))
    },
    stream(text, hear) {
      streaming = createStreaming(text, hear)
      client.query(streaming.query)
      return streaming.ended
    },
    send: (frame) => streaming?.wire()?.sendCopyFromChunk(frame),
    pause: () => void streaming?.wire()?.stream.pause(),
    resume: () => void streaming?.wire()?.stream.resume(),
    close() {
      closing ??= close()
      return closing
    },
  }
}

interface Streaming {
  readonly query: Submittable
  readonly ended: Promise<never>
  wire(): PgWire | null
  leave(): Promise<void>
}

function createStreaming(text: string, hear: (frame: Buffer) => void): Streaming {
  const ending = Promise.withResolvers<never>()
  ending.promise.catch(() => undefined)
  const left = Promise.withResolvers<void>()
  let wire: PgWire | null = null
  let leaving = false
  const over = (error: Error): void => {
    wire = null
    ending.reject(error)
    left.resolve()
  }
  const query: Submittable = {
    submit(connection) {
      wire = connection
      connection.query(text)
    },
    handleCopyData({ chunk }) {
      if (!leaving) hear(chunk)
    },
    handleCommandComplete: () => undefined,
    handleReadyForQuery: () => over(new Error('Connection ended: the server stopped sending its log')),
    handleError: over,
  }
  return {
    query,
    ended: ending.promise,
    wire: () => wire,
    leave() {
      leaving = true
      wire?.stream.resume()
      wire?.endCopyFrom()
      return wire === null ? Promise.resolve() : left.promise
    },
  }
}
