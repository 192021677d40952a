import { setTimeout as sleep } from 'node:timers/promises'
import { nowMicros } from '../workload/request.ts'
import { machineCpuSeconds } from './proc.ts'

/** More than this used by others, in cores, makes a round a noisy one. */
export const noisyCores = 0.15

const windowMs = 500

/** Waits until nobody uses the machine, at most so long; a round that starts then may still be disturbed. */
export const untilQuiet = async (limitMs: number): Promise<void> => {
  for (let waited = 0; waited < limitMs; waited += windowMs) {
    if ((await coresInUse()) <= noisyCores) return
  }
}

const coresInUse = async (): Promise<number> => {
  const [startedAt, before] = [nowMicros(), machineCpuSeconds().busy]
  await sleep(windowMs)
  return ((machineCpuSeconds().busy - before) * 1e6) / (nowMicros() - startedAt)
}
