/** Tests against the real servers of `npm run services`. `npm run test:services -- --help` */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Run, run, script, tool } from './lib/command.ts'
import { cache } from './lib/files.ts'
import { servicesOutcome, type TestReport } from './lib/services-report.ts'
import { down, type Place } from './services/control.ts'
import { services } from './services/list.ts'
import { type Presence, presences, servicesFolder } from './services/presence.ts'

const help = `npm run test:services                  runs all *.services.test.ts on the servers that are up
npm run test:services -- kafka sql     runs the files whose path has one of these in it
npm run test:services -- --up          brings all servers up before, and those down again after it

It names every server, with its version. One that could be had on this machine and is missing is a failure,
unless only some files were asked for.`

/** A minute less than CI has: what hangs is ended, and said to be so. The tests have what bringing up left of it. */
const ALL_MS = 24 * 60_000
const UP_MS = 12 * 60_000

const leftMs = (): number => Math.max(0, ALL_MS - performance.now())

const place: Place = { folder: servicesFolder(), say: (line) => console.log(line) }
const reportFile = join(cache, 'services', 'report.json')

/** Brings up all that can be had and is not there; what fails is told, and then shows as missing. */
async function bringUp(before: readonly Presence[]): Promise<void> {
  const wanted = before.filter(({ state, obtainable }) => state === 'missing' && obtainable)
  if (wanted.length === 0) return
  const names = wanted.map(({ service }) => service.name)
  const { code, output } = await run({
    ...script('scripts/services.ts', 'up', ...names),
    limitMs: UP_MS,
    group: true,
  })
  console.log(output.trimEnd())
  if (code !== 0)
    console.log('Not all servers came up; the reasons stand above. The tests go on with the others.\n')
}

async function runTests(
  files: readonly string[],
): Promise<{ readonly ran: Run; readonly report: TestReport | null }> {
  mkdirSync(join(cache, 'services'), { recursive: true })
  rmSync(reportFile, { force: true })
  const vitest = tool(
    'vitest/vitest.mjs',
    'run',
    '--config=vitest.services.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...files,
  )
  const ran = await run({ ...vitest, limitMs: leftMs(), group: true })
  const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as TestReport) : null
  return { ran, report }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { up: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return console.log(help)
  const before = await presences(services)
  if (values.up) await bringUp(before)
  const found = await presences(services)
  const { ran, report } = await runTests(positionals)
  if (ran.code !== 0) console.log(ran.output.trimEnd())
  if (values.up)
    await down(
      services.filter((_service, at) => before[at]?.state === 'missing'),
      place,
    )
  const { failed, lines } = servicesOutcome(found, report, positionals.length === 0)
  console.log(`\n${lines.join('\n')}`)
  process.exitCode = failed === 0 ? 0 : 1
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  console.log('0 passed, 1 failed')
  process.exitCode = 2
})
