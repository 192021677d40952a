import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { biome, type Command, type Run, run, script, tsc } from './lib/command.ts'
import { type Outcome, one, sum } from './lib/counts.ts'
import { filesBelow, isTypeScript, root } from './lib/files.ts'
import { runServices } from './lib/services-stage.ts'
import { runTests } from './lib/tests-stage.ts'

interface Stage {
  readonly name: string
  readonly about: string
  readonly command: Command | (() => Promise<Run & { readonly outcome: Outcome }>)
  /** Folders without which the stage has nothing to check, and then fails. */
  readonly needs?: readonly string[]
  /** Run by `--ci`, and where it is named: it needs what not everybody has at hand. */
  readonly onlyCi?: boolean
}

// Three times what they take on two quiet cores: what hangs is ended, and a busy machine is not taken for that.
const TESTS_MS = 50 * 60_000
// All of it: installing, bringing up, testing, taking down.
const SERVICES_MS = 25 * 60_000
const LIBRARY = 'packages/linkspan/src'

const stages: readonly Stage[] = [
  { name: 'format', about: 'biome format', command: biome('format', '.') },
  {
    name: 'lint',
    about: 'biome lint, warnings included',
    command: biome('lint', '--error-on-warnings', '.'),
  },
  { name: 'walls', about: 'walls between rooms, import cycles', command: script('scripts/walls.ts') },
  {
    name: 'types',
    about: 'packages, examples, tests, bench and scripts',
    command: tsc('-p', 'tsconfig.json'),
    needs: [LIBRARY, 'examples', 'tests', 'bench', 'scripts'],
  },
  {
    name: 'library-types',
    about: 'the library alone, with isolatedDeclarations',
    command: tsc('-p', 'packages/linkspan', '--noEmit'),
    needs: [LIBRARY],
  },
  {
    name: 'console-types',
    about: 'the console, with the types of a browser',
    command: tsc('-p', 'packages/console'),
    needs: ['packages/console/src'],
  },
  {
    name: 'type-budget',
    about: 'what long flows cost the compiler',
    command: script('scripts/type-budget.ts'),
  },
  {
    name: 'doc-examples',
    about: 'code in README, docs and TSDoc',
    command: script('scripts/doc-examples.ts'),
  },
  {
    name: 'tests',
    about: "npm test, the README's test command",
    command: () => runTests(TESTS_MS),
  },
  {
    name: 'build',
    about: 'dist, and what it imports',
    command: script('scripts/build.ts'),
    needs: [LIBRARY],
  },
  {
    name: 'packages',
    about: 'publint, every export, every bin',
    command: script('scripts/package-check.ts'),
  },
  {
    name: 'services',
    about: 'the tests on the servers of npm run services, which it brings up',
    command: () => runServices(SERVICES_MS),
    onlyCi: true,
  },
]

interface Result {
  readonly stage: Stage
  readonly outcome: Outcome
  readonly seconds: number
  readonly output: string
}

interface Look {
  readonly colours: boolean
  /** Whether a line can be overwritten. */
  readonly live: boolean
}

async function ranStage({ command }: Stage): Promise<{ outcome: Outcome; output: string }> {
  if (typeof command === 'function') return command()
  const { code, output } = await run({ ...command, group: true })
  return { outcome: one(code === 0), output }
}

async function runStage(stage: Stage): Promise<Result> {
  const started = performance.now()
  const empty = (stage.needs ?? []).filter(
    (folder) => filesBelow(join(root, folder), isTypeScript).length === 0,
  )
  const { outcome, output } =
    empty.length > 0
      ? { outcome: one(false), output: `nothing there yet: ${empty.join(', ')} has no TypeScript file\n` }
      : await ranStage(stage)
  return { stage, outcome, seconds: (performance.now() - started) / 1000, output }
}

function lineOf({ stage, outcome, seconds }: Result, look: Look): string {
  const tick = outcome.failed === 0 ? paint('✓', '32', look) : paint('✗', '31', look)
  const note = outcome.note ?? stage.about
  return `${tick} ${stage.name.padEnd(14)} ${seconds.toFixed(1).padStart(7)} s  ${note}`
}

function paint(text: string, colour: string, { colours }: Look): string {
  return colours ? `\u001b[${colour}m${text}\u001b[0m` : text
}

async function runAll(chosen: readonly Stage[], look: Look): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const stage of chosen) {
    if (look.live) process.stdout.write(`… ${stage.name}`)
    const result = await runStage(stage)
    if (look.live) process.stdout.write('\r\u001b[K')
    console.log(lineOf(result, look))
    if (result.outcome.failed > 0 || result.stage.onlyCi) console.log(indented(result.output))
    results.push(result)
  }
  return results
}

const MOST_LINES = 2_000

function indented(output: string): string {
  const lines = output.trimEnd().split('\n')
  const shown = lines.slice(-MOST_LINES).map((line) => `    ${line}`)
  const left = lines.length - shown.length
  return [...(left > 0 ? [`    (${left} lines before)`] : []), ...shown].join('\n')
}

function summarise(results: readonly Result[], look: Look): void {
  console.log('\nSummary')
  for (const result of results) console.log(lineOf(result, look))
  const { passed, failed } = sum(results.map(({ outcome }) => outcome))
  const seconds = results.reduce((total, result) => total + result.seconds, 0)
  console.log(`${''.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s  in all\n`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

function choose(only: string | undefined, ci: boolean): readonly Stage[] {
  if (only === undefined) return stages.filter(({ onlyCi = false }) => ci || !onlyCi)
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name))
  if (unknown.length > 0) {
    throw new Error(
      `no stage '${unknown.join("', '")}'. The stages are: ${stages.map(({ name }) => name).join(', ')}`,
    )
  }
  return stages.filter(({ name }) => names.includes(name))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      ci: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  const chosen = choose(values.only, values.ci || values.list)
  if (values.list) {
    for (const { name, about } of chosen) console.log(`${name.padEnd(14)} ${about}`)
    return
  }
  const terminal = process.stdout.isTTY === true && !values.ci
  const look: Look = { colours: terminal && process.env['NO_COLOR'] === undefined, live: terminal }
  summarise(await runAll(chosen, look), look)
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    console.log('0 passed, 1 failed')
    process.exitCode = 2
  })
}
