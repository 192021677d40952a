import type { WaitReason } from '../../model/message.ts'
import { kin, reasonCode, slots } from '../codes.ts'
import type { BacklogEntry, BacklogReader, MessageReader } from '../journal.ts'
import type { Row } from './client.ts'
import { type WaitRow, waitOf } from './message-reader.ts'
import { rowDamaged } from './postgres-error.ts'
import type { Reading } from './reading.ts'
import { readTallies } from './tallies.ts'
import { toText } from './text.ts'

type Load = MessageReader['load']

/** Reading what waits. */
export function backlogReader(reading: Reading, load: Load): BacklogReader {
  const { ask, look, queries, names, schema } = reading
  const ofFlow = (flow: string, rows: readonly Row[]): readonly BacklogEntry[] =>
    rows.map((row) => ({
      ...waitOf(row as unknown as WaitRow, flow),
      partition: row['partition'] as number,
      bytes: row['bytes'] as number,
    }))
  const ofAnyFlow = async (rows: readonly Row[]): Promise<readonly BacklogEntry[]> => {
    await names.learn(rows.map((row) => row['flow'] as number))
    return rows.flatMap((row) => ofFlow(flowOf(row['flow'] as number, reading), [row]))
  }
  return {
    unsettled: unsettledReader(reading, load),
    page: async (flow, after, limit) =>
      ofFlow(flow, await ask(queries.page, names.codeOf(flow), after, limit)),
    pageOfKey: async (flow, key, after, upTo, limit) => {
      const rows = await ask(queries.page_of_key, names.codeOf(flow), toText(key), after, upTo, limit)
      return ofFlow(flow, rows)
    },
    pageOfParent: async (parent, after, limit) =>
      ofAnyFlow(await ask(queries.page_of_parent, parent, after, limit)),
    due: async (flow, at, limit) => ofFlow(flow, await ask(queries.due, names.codeOf(flow), at, limit)),
    nextDue: async (flow) => {
      const [row] = await ask(queries.next_due, names.codeOf(flow))
      return (row?.['value'] as number | undefined) ?? null
    },
    count: () => countWaits(reading),
    held: async (flow, limit) => {
      const held = `SELECT * FROM ${schema}.waits WHERE hold`
      if (flow === null) return ofAnyFlow(await look(`${held} ORDER BY seq LIMIT $1`, limit))
      return ofFlow(
        flow,
        await look(`${held} AND flow = $1 ORDER BY seq LIMIT $2`, names.codeOf(flow), limit),
      )
    },
  }
}

function flowOf(code: number, { names, place }: Reading): string {
  const name = names.nameOf(code)
  if (name === undefined) throw rowDamaged(place, `name ${code}`, 'it is missing')
  return name
}

async function countWaits(reading: Reading): ReturnType<BacklogReader['count']> {
  const tallies = await readTallies(reading)
  await reading.names.learn(tallies.map(({ flow }) => flow))
  const groups = tallies.flatMap(({ flow, slot, count }) => {
    const meaning = slots.meaning(slot)
    if (meaning === undefined || !('reason' in meaning)) return []
    return [{ code: flow, ...meaning, count }]
  })
  const oldest = await Promise.all(
    groups.map(({ code, reason, child }) => oldestOf(reading, code, reason, child)),
  )
  return groups.map(({ code, ...group }, at) => ({
    flow: flowOf(code, reading),
    ...group,
    oldest: oldest[at] as number,
  }))
}

async function oldestOf(
  { look, schema }: Reading,
  flow: number,
  reason: WaitReason,
  child: boolean,
): Promise<number> {
  const kins = child ? [kin.free, kin.awaited] : [kin.root]
  const ofKin = (of: number): string =>
    `(SELECT accepted_at FROM ${schema}.waits WHERE flow = $1 AND reason = $2 AND kin = ${of} ORDER BY seq LIMIT 1)`
  const rows = await look(kins.map(ofKin).join(' UNION ALL '), flow, reasonCode(reason))
  return Math.min(...rows.map((row) => row['accepted_at'] as number))
}

const STRIDE = 4096

/**
 * Places are given without gaps and nothing at or above the low water is forgotten, so a place that has neither ending
 * nor wait belongs to a message that was running; and a place that has no message at all is damage.
 */
function unsettledReader({ ask, queries, head, place }: Reading, load: Load): BacklogReader['unsettled'] {
  return async (after, limit) => {
    const { lowWater, lastSeq } = await head()
    const found: number[] = []
    let from = Math.max(after + 1, lowWater, 1)
    for (; from <= lastSeq && found.length < limit; from += STRIDE) {
      const to = Math.min(from + STRIDE - 1, lastSeq)
      const rows = await ask(queries.unsettled, from, to, limit - found.length)
      found.push(...rows.map((row) => row['value'] as number))
    }
    const messages = await load(found)
    if (messages.length === found.length) return messages
    const there = new Set(messages.map(({ seq }) => seq))
    const lost = found.find((seq) => !there.has(seq))
    throw rowDamaged(place, `message ${lost}`, 'it was accepted and never ended, but is missing')
  }
}
