import { Worker } from 'node:worker_threads'
import { ensureError, LinkspanError, restoreError } from '../../model/errors.ts'
import type { Logger } from '../../model/outside.ts'
import type { Batch, Opened } from '../journal.ts'
import { packBatch } from './batch-packing.ts'
import { closedError } from './sqlite-error.ts'
import type { StoreCalls, StoreOptions } from './store.ts'
import type { WorkerCall, WorkerReport, WorkerTask } from './worker-protocol.ts'

const NURSERY_MB = 4

/** Starts a worker for a task; its file lies beside this one, as TypeScript in the source and as JavaScript when built. */
export function startWorker(task: WorkerTask): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./sqlite-worker.${ending}`, import.meta.url), {
    workerData: task,
    execArgv: [],
    // What a batch leaves behind is dead when the next one comes: a larger nursery would hold only what is dead.
    resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MB },
  })
}

interface Pending {
  readonly resolve: (result: never) => void
  readonly reject: (error: LinkspanError) => void
}

/** Opens a store in a worker and makes its calls there, in the order in which they are made. */
export function inWorker(
  options: StoreOptions,
  logger: Logger,
): Promise<{ opened: Opened; calls: StoreCalls }> {
  const worker = startWorker({ task: 'store', options })
  const pending = new Map<number, Pending>()
  let over: LinkspanError | null = null
  let last = 0

  const call = <Result>(make: (id: number) => WorkerCall, transfer: ArrayBuffer[] = []): Promise<Result> => {
    if (over !== null) return Promise.reject(over)
    last += 1
    const id = last
    return new Promise<Result>((resolve, reject) => {
      pending.set(id, { resolve, reject })
      worker.postMessage(make(id), transfer)
    })
  }
  const settle = (id: number, finish: (waiting: Pending) => void): void => {
    const waiting = pending.get(id)
    pending.delete(id)
    if (waiting !== undefined) finish(waiting)
  }
  const endWith = (error: LinkspanError): void => {
    over = over ?? error
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }
  const close = async (leftRunning: boolean): Promise<void> => {
    if (over !== null) return
    const closing = call<void>((id) => ({ id, name: 'close', args: [leftRunning] }))
    over = closedError(options.path)
    try {
      await closing
    } finally {
      await worker.terminate()
    }
  }
  return new Promise((resolve, reject) => {
    worker.on('message', (report: WorkerReport) => {
      switch (report.kind) {
        case 'opened':
          return resolve({ opened: report.opened, calls: callsOf(call, close) })
        case 'refused':
          void worker.terminate()
          return reject(restoreError(report.error))
        case 'answer':
          return settle(report.id, (waiting) => waiting.resolve(report.result as never))
        case 'failed':
          return settle(report.id, (waiting) => waiting.reject(restoreError(report.error)))
        case 'log':
          return logger.log(...report.line)
      }
    })
    const died = (thrown: unknown): void => {
      const error = new LinkspanError(
        'JOURNAL_FAILED',
        `The worker of the journal ${options.path} ended by itself. What was committed is safe; start the engine again.`,
        { cause: ensureError(thrown), applied: 'unknown', details: { path: options.path } },
      )
      endWith(error)
      reject(error)
    }
    worker.on('error', died)
    worker.on('exit', (code) => died(new Error(`exit code ${code}`)))
  })
}

type Call = <Result>(make: (id: number) => WorkerCall, transfer?: ArrayBuffer[]) => Promise<Result>

function callsOf(call: Call, close: StoreCalls['close']): StoreCalls {
  const plain =
    <Name extends Exclude<keyof StoreCalls, 'commit' | 'close'>>(name: Name) =>
    (...args: Parameters<StoreCalls[Name]>): ReturnType<StoreCalls[Name]> =>
      call((id) => ({ id, name, args })) as ReturnType<StoreCalls[Name]>
  return {
    commit: (batch: Batch, at: number) => {
      const packed = packBatch(batch)
      return call((id) => ({ id, name: 'commit', batch: packed, at }), [packed.bytes])
    },
    load: plain('load'),
    find: plain('find'),
    children: plain('children'),
    openChildren: plain('openChildren'),
    unsettled: plain('unsettled'),
    page: plain('page'),
    pageOfKey: plain('pageOfKey'),
    pageOfHolders: plain('pageOfHolders'),
    pageOfParent: plain('pageOfParent'),
    due: plain('due'),
    nextDue: plain('nextDue'),
    countWaits: plain('countWaits'),
    held: plain('held'),
    getState: plain('getState'),
    listState: plain('listState'),
    getCursor: plain('getCursor'),
    listCursors: plain('listCursors'),
    look: plain('look'),
    totals: plain('totals'),
    stats: plain('stats'),
    prune: plain('prune'),
    close,
  }
}
