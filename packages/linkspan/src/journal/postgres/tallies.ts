import { slots } from '../codes.ts'
import type { HistoryReader } from '../journal.ts'
import { rowDamaged } from './postgres-error.ts'
import type { Reading } from './reading.ts'

/** One count. */
export interface Tally {
  readonly flow: number
  readonly slot: number
  readonly count: number
}

/** All counts that are not zero. */
export async function readTallies({ look, schema }: Reading): Promise<readonly Tally[]> {
  const rows = await look(
    `SELECT flow, slot, sum(count)::bigint AS count FROM ${schema}.tallies GROUP BY 1, 2 HAVING sum(count) <> 0`,
  )
  return rows as readonly unknown[] as readonly Tally[]
}

/** Messages per flow and ending. */
export async function readTotals(reading: Reading): ReturnType<HistoryReader['totals']> {
  const tallies = await readTallies(reading)
  await reading.names.learn(tallies.map(({ flow }) => flow))
  return tallies.flatMap(({ flow, slot, count }) => {
    const meaning = slots.meaning(slot)
    if (meaning === undefined || !('ending' in meaning)) return []
    const name = reading.names.nameOf(flow)
    if (name === undefined) throw rowDamaged(reading.place, `name ${flow}`, 'it is missing')
    return [{ flow: name, ...meaning, count }]
  })
}
