import { parentPort, workerData } from 'node:worker_threads'
import { nowMicros } from '../workload/request.ts'

const { intervalMicros } = workerData as { intervalMicros: number }
const never = new Int32Array(new SharedArrayBuffer(4))

parentPort?.once('message', (startAt: number) => {
  for (let due = startAt; ; due += intervalMicros) {
    const now = nowMicros()
    if (due > now) Atomics.wait(never, 0, 0, (due - now) / 1e3)
    else due = now
    parentPort?.postMessage(0)
  }
})
parentPort?.postMessage(0)
