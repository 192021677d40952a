/** One writer at one batch size, in a process of its own: prints one line of JSON. */
import { readFileSync } from 'node:fs'
import { batches } from './rows.ts'
import { writers } from './writers.ts'

const [url = '', name = '', size = '1', seconds = '3'] = process.argv.slice(2)
const connect = writers[name]
if (connect === undefined)
  throw new Error(`no writer '${name}'. There are: ${Object.keys(writers).join(', ')}`)
const writer = await connect(url)
const next = batches(Number(size), String(process.pid))

/** User and system time of the backend in milliseconds; the kernel counts in 10 ms. */
function backendCpuMs(): number {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${writer.backend}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function run(ms: number): Promise<number> {
  const until = performance.now() + ms
  let commits = 0
  while (performance.now() < until) {
    await writer.write(next())
    commits++
  }
  return commits
}

await run(700)
const backendBefore = backendCpuMs()
const cpuBefore = process.cpuUsage()
const started = performance.now()
const commits = await run(Number(seconds) * 1000)
const tookMs = performance.now() - started
const cpu = process.cpuUsage(cpuBefore)
const backendMs = backendCpuMs() - backendBefore
await writer.close()

const rows = commits * Number(size)
const figure = {
  name,
  size: Number(size),
  rowsPerSecond: Math.round((rows / tookMs) * 1000),
  clientCpuUsPerRow: Number(((cpu.user + cpu.system) / rows).toFixed(1)),
  serverCpuUsPerRow: Number(((backendMs * 1000) / rows).toFixed(1)),
  msPerCommit: Number((tookMs / commits).toFixed(3)),
}
console.log(JSON.stringify(figure))
