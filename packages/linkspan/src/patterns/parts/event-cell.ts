import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { CellChange, Sleeper } from '../pattern.ts'

/** What is known of one event and key: what was raised and not taken, and who waits for more. */
interface EventCell {
  readonly raised: readonly { readonly value: Json; readonly until: number }[]
  readonly waiting: readonly (Sleeper & { readonly until: number })[]
}

/** What a message that waits for an event finds when it looks. */
export type Look = { readonly at: number } & (
  | { readonly found: 'event'; readonly value: Json }
  | { readonly found: 'late' }
  | { readonly found: 'nothing' }
)

/** How long events that nobody took lie there to be counted; an engine that is away for longer does not count them. */
const UNCOUNTED_MS = 30 * 86_400_000

/** How many events of a key are kept for who may come for them, and how many characters of JSON they have in all. */
const MOST_KEPT = 1_000
const MOST_CHARACTERS = 4 * 1_048_576

/** The scope of the cells of an event. */
export function eventScope(event: string): string {
  return `event ${event}`
}

/** Takes the oldest event that was raised, or leaves word who waits for the next one. */
export function look(sleeper: Sleeper, until: number): CellChange<Look & { readonly [name: string]: Json }> {
  return (present, now) => {
    const { raised, waiting } = opened(present, now)
    const others = waiting.filter(({ id }) => id !== sleeper.id)
    const first = raised.find((event) => event.until > now)
    if (first)
      return {
        ...closed({ raised: raised.filter((event) => event !== first), waiting: others }),
        result: { at: now, found: 'event', value: first.value },
      }
    if (now >= until) return { ...closed({ raised, waiting: others }), result: { at: now, found: 'late' } }
    const queue = [...others, { ...sleeper, until }]
    return { ...closed({ raised, waiting: queue }), result: { at: now, found: 'nothing' } }
  }
}

/**
 * Puts an event where those who wait find it, until a time; answers who is to be woken, who may be too late by then. Throws
 * `EVENTS_UNTAKEN` where so many lie there already that nobody seems to come for them.
 */
export function raised(
  value: Json,
  keepMs: number,
): CellChange<readonly (Sleeper & { readonly [name: string]: Json })[]> {
  return (present, now) => {
    const cell = opened(present, now)
    const kept = [...cell.raised, { value, until: now + keepMs }]
    checkRoom(kept, now)
    const result = cell.waiting.map(({ id, seq, flow, partition }) => ({ id, seq, flow, partition }))
    // Who looks and finds that another was faster leaves word again.
    return { ...closed({ raised: kept, waiting: [] }), result }
  }
}

function checkRoom(kept: EventCell['raised'], now: number): void {
  const live = kept.filter(({ until }) => until > now)
  if (live.length <= MOST_KEPT && (live.length === 1 || JSON.stringify(live).length <= MOST_CHARACTERS))
    return
  throw new LinkspanError(
    'EVENTS_UNTAKEN',
    `${live.length - 1} events of this key were raised and nobody has taken them, the oldest until ${new Date(live[0]?.until ?? now).toISOString()}: no more are kept (${MOST_KEPT}, or ${MOST_CHARACTERS / 1_048_576} MiB). See who should wait for them, or whether its key is the same.`,
    { retry: 'later', details: { kept: live.length - 1 } },
  )
}

/** Forgets the events that nobody took in their time; answers how many they were. */
export function expire(): CellChange<number> {
  return (present, now) => {
    const { raised, waiting } = opened(present, now)
    const kept = raised.filter(({ until }) => until > now)
    const result = raised.length - kept.length
    return result === 0 ? { result } : { ...closed({ raised: kept, waiting }), result }
  }
}

/** Whether a cell has events that nobody took in their time. */
export function hasExpired(cell: Json, now: number): boolean {
  return (cell as unknown as EventCell).raised.some(({ until }) => until <= now)
}

/** Events whose time is over stay until they are counted. */
function opened(present: Json | null, now: number): EventCell {
  const { raised, waiting } = (present ?? { raised: [], waiting: [] }) as unknown as EventCell
  return {
    raised,
    waiting: waiting.filter(({ until }) => until > now),
  }
}

/** The cell is of use as long as anything in it is, or is to be counted. */
function closed(cell: EventCell): { readonly value: Json | null; readonly until: number | null } {
  const ends = [
    ...cell.raised.map(({ until }) => until + UNCOUNTED_MS),
    ...cell.waiting.map(({ until }) => until),
  ]
  if (ends.length === 0) return { value: null, until: null }
  return { value: cell as unknown as Json, until: Math.max(...ends) }
}
