import { cpus } from 'node:os'
import type { Row } from '../run/table-run.ts'
import type { FigureName } from './figures.ts'
import { figureOf } from './verdict.ts'

/** Says, from the CPU shares, what held the rate where it is. */
export const limitOf = (row: Row): string => {
  const share = (figure: FigureName): number => figureOf(row, figure).median
  const own = share('cpuParticipant') + share('cpuServices')
  const total = own + share('cpuLoad') + share('cpuSink') + share('cpuOthers') + share('cpuStolen')
  if (share('cpuThread') >= 0.85) return 'one thread of the participant'
  if (total >= cpus().length * 0.9) return "the machine's cores, all busy"
  if (share('cpuThread') >= 0.6) return 'mostly one thread of the participant, and its waits for the disk'
  return 'waiting (commits, round trips or polling), not CPU'
}
