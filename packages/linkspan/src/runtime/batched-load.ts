import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import type { Clock } from '../model/outside.ts'

/** Reads a message by its place; null when there is none. Rejects as {@link MessageReader.load} does for it alone. */
export type LoadOne = (seq: number) => Promise<StoredMessage | null>

interface Wanted {
  readonly seq: number
  readonly resolve: (found: StoredMessage | null) => void
  readonly reject: (error: unknown) => void
}

/** How many are read at once: enough for one answer to be worth the way, few enough for the first not to wait long. */
const MOST = 64

/**
 * Makes what reads messages of the backlog, those together that are wanted in the same turn of the event loop: passes
 * are begun several a turn, and each would ask the journal for its own.
 */
export function batchedLoad(messages: Pick<MessageReader, 'load'>, clock: Pick<Clock, 'defer'>): LoadOne {
  let wanted: Wanted[] = []

  const each = ({ seq, resolve, reject }: Wanted): void => {
    messages.load([seq]).then(([found]) => resolve(found ?? null), reject)
  }

  const together = (some: readonly Wanted[]): void => {
    messages.load([...new Set(some.map(({ seq }) => seq))]).then(
      (found) => {
        const bySeq = new Map(found.map((stored) => [stored.seq, stored]))
        for (const { seq, resolve } of some) resolve(bySeq.get(seq) ?? null)
      },
      // One that is damaged is refused with all that are read with it.
      () => some.forEach(each),
    )
  }

  const readAll = (): void => {
    const all = wanted
    wanted = []
    for (let at = 0; at < all.length; at += MOST) {
      const some = all.slice(at, at + MOST)
      if (some.length === 1) some.forEach(each)
      else together(some)
    }
  }

  return (seq) =>
    new Promise((resolve, reject) => {
      wanted.push({ seq, resolve, reject })
      if (wanted.length === 1) clock.defer(readAll)
    })
}
