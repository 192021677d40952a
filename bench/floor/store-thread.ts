import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from './store.ts'

const store = openStore((workerData as { file: string }).file)
parentPort?.on('message', ({ bodies, done }: { bodies: Uint8Array[]; done: number[] }) => {
  parentPort?.postMessage(store.commit(bodies, done).first)
})
parentPort?.postMessage(store.pending())
