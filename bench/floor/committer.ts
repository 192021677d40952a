import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { openStore, type Row } from './store.ts'

/** Group commit: `accept` and `done` wait for company only as long as the running commit takes. */
export type Committer = {
  /** `kept` is called after the commit with the message's number. */
  readonly accept: (body: Uint8Array, kept: (seq: number) => void) => void
  readonly done: (seq: number) => void
  readonly pending: () => Promise<Row[]>
  readonly close: () => Promise<void>
}

type Group = { bodies: Uint8Array[]; kept: ((seq: number) => void)[]; done: number[] }

const emptyGroup = (): Group => ({ bodies: [], kept: [], done: [] })

const acknowledge = (group: Group, first: number): void => {
  for (let i = 0; i < group.kept.length; i++) group.kept[i]!(first + i)
}

/** SQLite on the main thread: the next commit starts in the next turn of the event loop. */
export const mainCommitter = (file: string): Committer => {
  const store = openStore(file)
  let group = emptyGroup()
  let scheduled = false
  const commit = (): void => {
    const committing = group
    group = emptyGroup()
    scheduled = false
    acknowledge(committing, store.commit(committing.bodies, committing.done).first)
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(commit)
  }
  return {
    accept: (body, kept) => {
      group.bodies.push(body)
      group.kept.push(kept)
      schedule()
    },
    done: (seq) => {
      group.done.push(seq)
      schedule()
    },
    pending: async () => store.pending(),
    close: async () => {
      commit()
      store.close()
    },
  }
}

/** SQLite on a worker thread: the next commit starts when the worker has answered the last. */
export const workerCommitter = async (file: string): Promise<Committer> => {
  const worker = new Worker(new URL('./store-thread.ts', import.meta.url), { workerData: { file } })
  const [recovered] = (await once(worker, 'message')) as [Row[]]
  let group = emptyGroup()
  let committing: Group | undefined
  let scheduled = false
  const commit = (): void => {
    scheduled = false
    committing = group
    group = emptyGroup()
    worker.postMessage({ bodies: committing.bodies, done: committing.done })
  }
  const schedule = (): void => {
    if (scheduled || committing !== undefined) return
    scheduled = true
    setImmediate(commit)
  }
  worker.on('message', (first: number) => {
    const committed = committing
    committing = undefined
    if (committed !== undefined) acknowledge(committed, first)
    if (group.bodies.length > 0 || group.done.length > 0) schedule()
  })
  return {
    accept: (body, kept) => {
      group.bodies.push(body)
      group.kept.push(kept)
      schedule()
    },
    done: (seq) => {
      group.done.push(seq)
      schedule()
    },
    pending: async () => recovered,
    close: async () => {
      while (committing !== undefined || scheduled) await once(worker, 'message')
      await worker.terminate()
    },
  }
}
