import { type Batch, type Committed, type Journal, seal, sealJson } from 'linkspan/journal'
import { batchOf, filledEnding, filledMessage, outside } from '../../linkspan/filling.ts'
import { orderBody } from '../../workload/request.ts'
import { createCommits } from './commits.ts'
import { createServerTime } from './server-time.ts'
import type { Slices } from './slices.ts'

export type Work = { readonly stop: () => Promise<void> }

export type WorkPlan = {
  readonly journal: Journal
  readonly slices: Slices
  /** In a closed loop so many wait for their acknowledgement at any time. */
  readonly messages: number
  /** Messages per second in an open loop; null: a closed one. */
  readonly rate: number | null
  /** How long the thread is busy with each message between its acceptance and its settlement. */
  readonly workMicros: number
  readonly roundTripMs: number
  /** Whether a second commit is held back until it will find the server done with the first. */
  readonly inTime: boolean
}

/** Messages as the benchmark has them: each is accepted, worked on and settled, and its sender sends the next one. */
export const startWork = (plan: WorkPlan): Work => {
  const { journal, slices, messages, rate, workMicros, roundTripMs, inTime } = plan
  let arrived: number[] = []
  /** When the messages of a batch came. */
  const since = new Map<number, readonly number[]>()
  let settle: Batch['settle'][number][] = []
  const accepted: number[] = []
  let id = 0
  let working = false
  let stopping: (() => void) | null = null

  const arrive = (): void => {
    if (stopping !== null) return
    arrived.push(performance.now())
    commits.schedule()
  }
  const take = (): Batch | null => {
    if (arrived.length + settle.length === 0) return null
    const batch = batchOf(++id, { accept: arrived.map(newMessage), settle })
    since.set(id, arrived)
    arrived = []
    settle = []
    slices.began()
    return batch
  }
  const done = (batch: Batch, committed: Committed): void => {
    slices.settled(batch.settle.length)
    // The journal has its next batch before those who waited are answered.
    commits.answered()
    for (const at of since.get(batch.id) ?? []) slices.acknowledged(performance.now() - at)
    since.delete(batch.id)
    accepted.push(...committed.accepted.map(({ seq }) => seq))
    workOn()
    if (commits.underWay + accepted.length + settle.length === 0 && !working) stopping?.()
  }
  /** One message in each turn of the event loop, so that answers of the database come in between. */
  const workOn = (): void => {
    const seq = working ? undefined : accepted.shift()
    if (seq === undefined) return
    working = true
    setImmediate(() => {
      working = false
      burn(workMicros)
      settle.push(ending(seq))
      if (rate === null) arrive()
      commits.schedule()
      workOn()
    })
  }
  const commits = createCommits({
    commit: (batch) => journal.commit(batch),
    take,
    depth: slices.depth,
    done,
    serverTime: createServerTime(roundTripMs),
    inTime,
    clock: outside('.').clock,
  })
  const arrivals = rate === null ? null : arriveAt(rate, arrive)
  if (rate === null) for (let sender = 0; sender < messages; sender += 1) arrive()
  return {
    stop: () =>
      new Promise((resolve) => {
        if (arrivals !== null) clearInterval(arrivals)
        stopping = resolve
      }),
  }
}

/** Calls so often per second, evenly as far as timers allow. */
const arriveAt = (rate: number, arrive: () => void): NodeJS.Timeout => {
  const began = performance.now()
  let done = 0
  return setInterval(() => {
    for (const due = ((performance.now() - began) / 1_000) * rate; done < due; done += 1) arrive()
  }, 1)
}

const burn = (micros: number): void => {
  const until = performance.now() + micros / 1_000
  while (performance.now() < until);
}

const body = Buffer.from(orderBody)
let made = 0

const newMessage = (): Batch['accept'][number] => {
  made += 1
  const token = made.toString(36).padStart(12, '0')
  return filledMessage(token, Date.now(), seal(body, `b:${token}`, 'json'))
}

const ending = (seq: number): Batch['settle'][number] => {
  const at = Date.now()
  const call = [{ t: 'done', p: 'deliver', at, ms: 2, g: 0, i: { order: 'delivered' } }]
  return filledEnding(seq, at, sealJson(call, `r:${seq}:0`))
}
