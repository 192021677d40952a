import { parentPort, workerData } from 'node:worker_threads'
import { nowMicros } from '../workload/request.ts'

const { startAt, intervalMicros } = workerData as { startAt: number; intervalMicros: number }
const never = new Int32Array(new SharedArrayBuffer(4))

for (let due = startAt; ; due += intervalMicros) {
  const now = nowMicros()
  if (due > now) Atomics.wait(never, 0, 0, (due - now) / 1e3)
  else due = now
  parentPort?.postMessage(0)
}
