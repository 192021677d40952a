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
  /** Asks for what lies in the partitions of this engine: all of them, as long as it is alone. */
  const askOwned = async (
    name: 'page' | 'page_of_key' | 'due' | 'next_due',
    flow: string,
    ...values: readonly unknown[]
  ): Promise<readonly Row[]> => {
    const { share, partitions } = reading
    if (share === null || share.owned.size === partitions)
      return ask(queries[name], names.codeOf(flow), ...values)
    if (share.owned.size === 0) return []
    return ask(queries[`${name}_owned`], names.codeOf(flow), [...share.owned], ...values)
  }
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
    page: async (flow, after, limit) => ofFlow(flow, await askOwned('page', flow, after, limit)),
    pageOfKey: async (flow, key, after, upTo, limit) =>
      ofFlow(flow, await askOwned('page_of_key', flow, toText(key), after, upTo, limit)),
    pageOfHolders: async (flow, after, limit) => {
      const { share, partitions } = reading
      const owned = share !== null && share.owned.size < partitions ? [[...share.owned]] : []
      const inOwned = owned.length > 0 ? 'AND partition = ANY ($4::smallint[])' : ''
      const text = `SELECT * FROM ${schema}.waits WHERE hold AND flow = $1 AND parent IS NULL AND seq > $2 ${inOwned} ORDER BY seq LIMIT $3`
      return ofFlow(flow, await look(text, names.codeOf(flow), after, limit, ...owned))
    },
    // Children lie in the partition of their parent, whose owner asks.
    pageOfParent: async (parent, after, limit) =>
      ofAnyFlow(await ask(queries.page_of_parent, parent, after, limit)),
    due: async (flow, at, limit) => ofFlow(flow, await askOwned('due', flow, at, limit)),
    nextDue: async (flow) => {
      const [row] = await askOwned('next_due', flow)
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
 * Places are given without gaps and nothing that may have run is forgotten, so a place that has neither ending nor wait
 * belongs to a message that was running; and a place that has no message at all is damage.
 */
function unsettledReader(reading: Reading, load: Load): BacklogReader['unsettled'] {
  const { ask, queries, place } = reading
  return async (after, limit) => {
    const left = reading.share?.left ?? []
    const partitions = left.map(({ partition }) => partition)
    const froms = left.map(({ from }) => from)
    const upTos = left.map(({ upTo }) => upTo)
    const last = Math.max(...upTos)
    const found: number[] = []
    let from = Math.max(after + 1, Math.min(...froms), 1)
    for (; from <= last && found.length < limit; from += STRIDE) {
      const to = Math.min(from + STRIDE - 1, last)
      const rows = await ask(queries.unsettled, from, to, partitions, froms, upTos, limit - found.length)
      found.push(...rows.map((row) => row['value'] as number))
    }
    const messages = await load(found)
    if (messages.length === found.length) return messages
    const there = new Set(messages.map(({ seq }) => seq))
    const lost = found.find((seq) => !there.has(seq))
    throw rowDamaged(place, `message ${lost}`, 'it was accepted and never ended, but is missing')
  }
}
