import { setTimeout as sleep } from 'node:timers/promises'
import { type Figures, noFigures } from '../report/figures.ts'
import { cpuWindow } from '../run/cpu-shares.ts'
import { type Command, startParticipant } from '../run/participant-process.ts'
import { residentBytesOf } from '../run/proc.ts'
import { sampler } from '../run/sampler.ts'
import { temporaryFolder } from '../run/temporary.ts'
import { nowMicros } from '../workload/request.ts'
import { arrivedOn, countOf, deliveredOf, fill } from './topics.ts'

/** How one relay from topic to topic is measured once. */
export type RelayPlan = {
  readonly name: string
  readonly run: string
  readonly command: (env: Readonly<Record<string, string>>) => Command
  readonly brokers: string
  readonly partitions: number
  readonly orders: number
  readonly servicePids: readonly number[]
}

/** Relays that have put nothing on their topic for so long are done, whatever is missing. */
const STALL_MS = 30_000
const LOOK_MS = 200
const SAMPLE_MS = 250

/** Fills a topic, has a relay work it off, and reads what it wrote. */
export const runRelay = async (plan: RelayPlan): Promise<Figures> => {
  const { name, run, brokers, partitions, orders } = plan
  const topics = { from: `${run}-from`, to: `${run}-to` }
  await fill(brokers, topics, partitions, orders)
  const folder = temporaryFolder('relay')
  const spawnedAt = nowMicros()
  const env = { FROM_TOPIC: topics.from, TO_TOPIC: topics.to, GROUP: run, DATA_DIR: folder.path }
  try {
    const { pid, stop } = await startParticipant(name, plan.command(env))
    const readyMillis = (nowMicros() - spawnedAt) / 1e3
    const endWindow = cpuWindow({ participant: [pid], services: plan.servicePids, load: [], sink: [] })
    const memory = sampler(() => residentBytesOf(pid), SAMPLE_MS)
    const records = await untilAllAreThere(plan, topics.to)
    const cpu = endWindow()
    const resident = memory.stop()
    await stop()
    const arrived = await arrivedOn(brokers, topics.to, records, orders)
    const own = (cpu.participant + cpu.services) * cpu.wallSeconds
    return {
      ...noFigures,
      endToEnd: arrived.rate,
      ready: readyMillis,
      peak: Math.max(...resident) / 1e6,
      cpuParticipant: cpu.participant,
      cpuThread: cpu.busiestThread,
      cpuServices: cpu.services,
      cpuLoad: 0,
      cpuSink: 0,
      cpuOthers: cpu.others,
      cpuStolen: cpu.stolen,
      cpuPerMessage: (own * 1e6) / arrived.delivered,
      cpuServicePerMessage: (cpu.services * cpu.wallSeconds * 1e6) / arrived.delivered,
      withoutKey: 0,
      refused: 0,
      lost: arrived.lost,
      doubled: arrived.doubled,
    }
  } finally {
    folder.remove()
  }
}

/** Answers how many records are on the topic once all are, or no more come. */
const untilAllAreThere = async (
  { brokers, partitions, orders }: RelayPlan,
  topic: string,
): Promise<number> => {
  const wanted = deliveredOf(orders)
  let [found, since] = [0, performance.now()]
  while (found < wanted && performance.now() - since < STALL_MS) {
    await sleep(LOOK_MS)
    const now = await countOf(brokers, topic, partitions)
    if (now > found) since = performance.now()
    found = now
  }
  return found
}
