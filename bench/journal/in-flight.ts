import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { postgres } from 'linkspan/journal'
import { outside } from '../linkspan/filling.ts'
import { median } from '../report/statistics.ts'
import { cpuSecondsOf, machineCpuSeconds } from '../run/proc.ts'
import { temporaryFolder } from '../run/temporary.ts'
import { far } from '../services/far.ts'
import { startPostgres } from '../services/postgres.ts'
import type { Service } from '../services/service.ts'
import { slowFsync } from '../slow-fsync/slow-fsync.ts'
import { createSlices } from './in-flight/slices.ts'
import { startWork } from './in-flight/work.ts'

/**
 * What a second commit in flight would bring on PostgreSQL: the journal by itself, one call of `commit` at a time and two
 * of them, in turns of a fraction of a second, so that what disturbs the machine disturbs both. The engine makes one
 * call at a time, as the journal asks for it; two at once are right here only while nothing fails.
 *
 *   node --conditions=source bench/journal/in-flight.ts --round-trip 1
 *
 * --round-trip, --fsync: milliseconds more for each. --messages: senders of a closed loop; --rate: messages per second
 * of an open one. --work-us: how long the thread is busy with a message. --in-time: the second commit is not sent at
 * once, but when it will find the server done with the first.
 */
const { values } = parseArgs({
  options: {
    'round-trip': { type: 'string', default: '0' },
    fsync: { type: 'string', default: '0' },
    messages: { type: 'string', default: '64' },
    rate: { type: 'string' },
    'work-us': { type: 'string', default: '100' },
    'in-time': { type: 'boolean', default: false },
    seconds: { type: 'string', default: '40' },
    slice: { type: 'string', default: '400' },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)

const service = await startServer(Number(values.fsync))
const near = (await service.envFor('in_flight'))['DATABASE_URL'] ?? ''
const added = Number(values['round-trip'])
const distance = added > 0 ? await far(near, added) : null
const folder = temporaryFolder('in-flight')
try {
  await measure(distance?.url ?? near)
} finally {
  await distance?.stop()
  await service.stop()
  folder.remove()
}

async function startServer(fsyncMs: number): Promise<Service> {
  const slow = fsyncMs > 0 ? slowFsync(fsyncMs) : { env: {} }
  if ('unavailable' in slow) throw new Error(slow.unavailable)
  const start = await startPostgres(slow.env)
  if ('unavailable' in start) throw new Error(start.unavailable)
  return start.service
}

async function measure(url: string): Promise<void> {
  const roundTripMs = await roundTripOf(url)
  const journal = await postgres({ url }).open(outside(folder.path))
  const slices = createSlices({
    depths: [1, 2],
    sliceMs: Number(values.slice),
    serverCpuSeconds: () => cpuSecondsOf(service.pid),
    now: () => performance.now(),
  })
  const work = startWork({
    ...{ journal, slices, roundTripMs, inTime: values['in-time'] },
    messages: Number(values.messages),
    rate: values.rate === undefined ? null : Number(values.rate),
    workMicros: Number(values['work-us']),
  })
  const before = machineCpuSeconds().busy
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const busyCores = (machineCpuSeconds().busy - before) / seconds
  await work.stop()
  await journal.close()
  report({ roundTripMs, busyCores, figures: slices.figures(), shares: slices.ratios() })
}

/** The median time of a query that does nothing. */
async function roundTripOf(url: string): Promise<number> {
  const client = new Client(url)
  await client.connect()
  const times: number[] = []
  for (let asked = 0; asked < 200; asked += 1) {
    const began = performance.now()
    await client.query('SELECT 1')
    times.push(performance.now() - began)
  }
  await client.end()
  return median(times)
}

function report(found: {
  readonly roundTripMs: number
  readonly busyCores: number
  readonly figures: readonly object[]
  readonly shares: object
}): void {
  if (values.json) {
    console.log(JSON.stringify({ options: values, ...found }))
    return
  }
  const { roundTripMs, busyCores, figures, shares } = found
  console.log(
    `round trip ${roundTripMs.toFixed(2)} ms; everything together kept ${busyCores.toFixed(2)} cores busy`,
  )
  console.table(figures)
  console.log('two in flight as a share of one, pair by pair: lower quartile, median, upper quartile')
  console.table(shares)
}
