import { join } from 'node:path'
import { orderBody } from '../../workload/request.ts'
import { openStore } from '../store.ts'
import { perSecond } from './rate.ts'

/** Rows per second into the floor's own table, `group` inserts per transaction at `synchronous = FULL`. */
export const bareSqliteRate = (dataDir: string, group: number, seconds: number): number => {
  const store = openStore(join(dataDir, `bare-${group}.db`))
  const bodies = Array.from({ length: group }, () => Buffer.from(orderBody))
  const rate = perSecond(seconds, group, () => store.commit(bodies, []))
  store.close()
  return rate
}
