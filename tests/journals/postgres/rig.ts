import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { Journal, JournalEnvironment } from '../../../packages/linkspan/src/journal/journal.ts'
import { type PostgresOptions, postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import type { CancelTimer, Clock } from '../../../packages/linkspan/src/model/outside.ts'
import type { JournalRig } from '../../../packages/linkspan/src/testing/test-journal.ts'

/** A log line as a test sees it. */
export type Line = readonly [level: string, event: string, fields?: Readonly<Record<string, unknown>>]

/** A clock that stands still until it is told to ring. */
export interface RingingClock extends Clock {
  /** Lets all timers fire that wait now. */
  ring(): void
}

export function ringingClock(now = 1_000_000): RingingClock {
  const waiting = new Set<() => void>()
  return {
    now: () => now,
    monotonic: () => now,
    timer: (_afterMs, run): CancelTimer => {
      waiting.add(run)
      return () => void waiting.delete(run)
    },
    defer: (run) => void setImmediate(run),
    ring: () => {
      const due = [...waiting]
      waiting.clear()
      for (const run of due) run()
    },
  }
}

/** An environment in a fresh folder, with the lines that were logged. */
export function freshEnvironment(): {
  readonly environment: JournalEnvironment
  readonly clock: RingingClock
  readonly lines: Line[]
  readonly remove: () => void
} {
  const directory = mkdtempSync(join(tmpdir(), 'linkspan-journal-'))
  const lines: Line[] = []
  const clock = ringingClock()
  const logger = { log: (...line: Line) => void lines.push(line) }
  return {
    environment: { directory, clock, logger },
    clock,
    lines,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Asks a database on a connection of its own. */
export async function ask(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows
  } finally {
    await client.end()
  }
}

/** Lets the leases of a journal run out, as time would. */
export async function expireLeases(url: string, schema = 'linkspan'): Promise<void> {
  await ask(url, `UPDATE ${schema}.members SET lease_until = clock_timestamp() - interval '1 second'`)
}

/** An engine's journal that has begun to own its share, and hears nothing of what changes. */
export async function begun(opening: Promise<Journal>): Promise<Journal> {
  const journal = await opening
  const deaf = (): void => undefined
  await journal.ownership.begin({ granted: deaf, asked: deaf, handed: deaf, lost: deaf })
  return journal
}

let schemas = 0

/** A rig for the contract, in a schema of its own: a crash leaves the owner behind and lets its lease run out. */
export function postgresRig(
  url: string,
  options: Partial<PostgresOptions> = {},
): JournalRig & { schema: string } {
  schemas += 1
  const schema = `linkspan_${schemas}`
  const factory = postgres({ url, schema, ...options })
  const { environment, remove } = freshEnvironment()
  const opened: Journal[] = []
  return {
    schema,
    environment,
    factory: {
      ...factory,
      open: async (given) => {
        const journal = await factory.open(given)
        opened.push(journal)
        return journal
      },
    },
    crash: () => expireLeases(url, schema),
    dispose: async () => {
      for (const journal of opened) await journal.close()
      remove()
      await ask(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    },
  }
}
