import { cpus } from 'node:os'
import type { Row } from '../run/table-run.ts'
import type { FigureName } from './figures.ts'
import { figureOf } from './verdict.ts'

/** Says, from the CPU shares, what held the rate where it is. */
export const limitOf = (row: Row): string => {
  const share = (figure: FigureName): number => figureOf(row, figure).median
  const own = share('cpuParticipant') + share('cpuServices')
  const total = own + share('cpuLoad') + share('cpuSink') + share('cpuOthers') + share('cpuStolen')
  if (total >= cpus().length * 0.92) return "the machine's cores are all busy"
  if (share('cpuParticipant') >= 0.85) return "about one core: the participant's main thread"
  return 'waiting (commits, round trips or polling), not CPU'
}
