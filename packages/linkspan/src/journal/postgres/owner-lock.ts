import { hostname } from 'node:os'
import { pid } from 'node:process'
import { LinkspanError } from '../../model/errors.ts'
import type { Ask } from './schema.ts'

/** The right to write to a journal: a row of `members` with a lease that others respect until it runs out. */
export interface Membership {
  readonly member: number
  readonly incarnation: string
  readonly crashed: boolean
  readonly lastSeq: number
  readonly lowWater: number
  readonly historySize: number
}

interface Claim {
  readonly member: number | null
  readonly incarnation: string
  readonly crashed: boolean
  readonly last_seq: number
  readonly low_water: number
  readonly history_size: number
  readonly owner: string
  readonly owner_until: number
  readonly remaining_ms: number
}

/**
 * Takes the journal for this process. Where the last owner did not close it and its lease has run out, that one is
 * fenced: the database refuses whatever it still writes.
 * @throws {LinkspanError} `JOURNAL_IN_USE` with the owner, and until when its lease runs
 */
export async function claim(ask: Ask, schema: string, place: string, leaseMs: number): Promise<Membership> {
  const name = `process ${pid} on ${hostname()}`
  const [row] = await ask(`SELECT * FROM ${schema}.claim_1($1, $2)`, [name, leaseMs])
  const found = row as unknown as Claim
  if (found.member === null) throw inUse(found, place)
  return {
    member: found.member,
    incarnation: found.incarnation,
    crashed: found.crashed,
    lastSeq: found.last_seq,
    lowWater: found.low_water,
    historySize: found.history_size,
  }
}

function inUse(
  { owner, owner_until: until, remaining_ms: remainingMs }: Claim,
  place: string,
): LinkspanError {
  return new LinkspanError(
    'JOURNAL_IN_USE',
    `The journal in ${place} is in use by ${owner}, whose lease runs until ${new Date(until).toISOString()} by the clock of the database. ` +
      'Stop that engine first, or give this one a schema of its own. Where that engine is dead, start this one again after that time.',
    {
      retry: { afterMs: Math.max(1, Math.ceil(remainingMs)) },
      details: { place, owner, until },
    },
  )
}
