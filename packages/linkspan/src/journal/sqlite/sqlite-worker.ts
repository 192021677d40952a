import { parentPort, workerData } from 'node:worker_threads'
import { storeError } from '../../model/errors.ts'
import type { Logger } from '../../model/outside.ts'
import { unpackBatch } from './batch-packing.ts'
import { openStore } from './owning-store.ts'
import { openReadingStore } from './reading-store.ts'
import type { Store, StoreOptions } from './store.ts'
import { verifyFile } from './verify.ts'
import type { WorkerCall, WorkerReport, WorkerTask } from './worker-protocol.ts'

const say = (report: WorkerReport): void => parentPort?.postMessage(report)
const logger: Logger = { log: (...line) => say({ kind: 'log', line }) }

function answer(store: Store, call: WorkerCall): void {
  try {
    if (call.name === 'commit')
      say({ kind: 'answer', id: call.id, result: store.commit(unpackBatch(call.batch), call.at) })
    else {
      const run = store[call.name] as (...args: readonly unknown[]) => unknown
      say({ kind: 'answer', id: call.id, result: run(...call.args) })
    }
  } catch (error) {
    say({ kind: 'failed', id: call.id, error: storeError(error) })
  }
  if (call.name === 'commit' || call.name === 'prune') store.tidy()
}

function serveStore(options: StoreOptions): void {
  try {
    const store = options.readOnly ? openReadingStore(options, { logger }) : openStore(options, { logger })
    parentPort?.on('message', (call: WorkerCall) => answer(store, call))
    say({ kind: 'opened', opened: store.opened })
  } catch (error) {
    say({ kind: 'refused', error: storeError(error) })
  }
}

function verify(path: string): void {
  try {
    say({
      kind: 'verified',
      damage: verifyFile(path, (done, total) => say({ kind: 'progress', done, total })),
    })
  } catch (error) {
    say({ kind: 'refused', error: storeError(error) })
  }
}

const task = workerData as WorkerTask
if (task.task === 'store') serveStore(task.options)
else verify(task.path)
