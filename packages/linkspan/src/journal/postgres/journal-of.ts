import { resolve } from 'node:path'
import type { HistoryQuery, Journal, Opened, Ownership, StoredMessage } from '../journal.ts'
import { backlogReader } from './backlog-reader.ts'
import { backUp } from './backup.ts'
import { readStats } from './head.ts'
import type { HistoryRows } from './history-rows.ts'
import type { Link } from './link.ts'
import { messageReader } from './message-reader.ts'
import type { Member } from './ownership.ts'
import { closedError, journalError, openedToRead } from './postgres-error.ts'
import type { Pruner } from './prune.ts'
import type { Base, Parts } from './reading-parts.ts'
import { cursorReader, stateReader } from './state-rows.ts'
import type { StoreOptions } from './store-options.ts'
import { readTotals } from './tallies.ts'
import { createVerify } from './verify.ts'
import type { Writer } from './writer.ts'

/** How many rows of the history are looked through at a time. */
const SCAN = 2000

/** What an owner has and a reader has not. */
export interface Owner {
  readonly member: Member
  readonly writer: Writer
  readonly pruner: Pruner
}

/** Makes the journal of its parts; `owner` is null for one that was opened for reading. */
export function journalOf(
  options: StoreOptions,
  { links, place, facts }: Base,
  parts: Parts,
  opened: Opened,
  ownership: Ownership,
  owner: Owner | null,
): Journal {
  const { reading, history } = parts
  const { clock, logger, directory } = options.environment
  const messages = messageReader(reading)
  const backlog = backlogReader(reading, messages.load)
  const refuse = (): never => {
    throw parts.isClosed ? closedError(place) : openedToRead(place)
  }
  const apart = async <Result>(run: (link: Link) => Promise<Result>): Promise<Result> => {
    if (parts.isClosed) throw closedError(place)
    const link = links.apart()
    try {
      return await run(link)
    } finally {
      await link.drop()
    }
  }
  return {
    name: `postgres ${place}`,
    opened,
    commit: async (batch) => (owner === null ? refuse() : owner.writer.commit(batch)),
    messages,
    backlog,
    state: stateReader(reading, () => clock.now()),
    cursors: cursorReader(reading),
    ownership,
    history: {
      query: (query) => lookThrough(history, messages.load, query),
      totals: () => readTotals(reading),
      stats: () => readStats(reading, facts),
      verify: (progress) =>
        apart((link) =>
          createVerify({ ...reading, look: (text, ...values) => link.ask({ text, values }) })(progress),
        ),
      prune: async (endedBefore, attentionBefore, now, limit) => {
        if (owner === null || parts.isClosed) return refuse()
        const bounds = { endedBefore, attentionBefore, now, lowWater: await reading.lowWater() }
        return owner.pruner.step(bounds, limit).catch((error: unknown) => {
          throw journalError(error, place, 'Forgetting')
        })
      },
      backup: (path, progress) =>
        apart((link) => backUp(link, reading.schema, place, resolve(directory, path), progress)),
    },
    close: async ({ leftRunning = false } = {}) => {
      if (parts.isClosed) return
      parts.isClosed = true
      owner?.writer.close()
      // Where it does not get through, the lease runs out by itself.
      await owner?.member.close(!leftRunning && owner.writer.atRest !== null).catch((error: unknown) => {
        logger.log('warn', 'journal.close-failed', { place, error: String(error) })
      })
      await links.drop()
    },
  }
}

async function lookThrough(
  history: HistoryRows,
  load: (seqs: readonly number[], trust: 'marked') => Promise<readonly StoredMessage[]>,
  query: HistoryQuery,
): Promise<readonly StoredMessage[]> {
  const seqs: number[] = []
  let beyond = query.beyond ?? null
  for (;;) {
    const stretch = await history.look(query, beyond, SCAN)
    seqs.push(...stretch.seqs)
    if (seqs.length >= query.limit || stretch.next === null) break
    beyond = stretch.next
  }
  const found = await load(seqs.slice(0, query.limit), 'marked')
  return query.order === 'oldest' ? found : [...found].reverse()
}
