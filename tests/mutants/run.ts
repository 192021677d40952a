import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { argv, env, execPath, exit, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { allMutants, applyTo, type Mutant } from './mutants.ts'

const root = resolve(import.meta.dirname, '..', '..')
const COPIED = [
  'packages/linkspan',
  'scripts',
  'tests',
  'vitest.config.ts',
  'tsconfig.base.json',
  'package.json',
]
const LEFT_OUT = /(^|\/)(node_modules|dist)$/

type Verdict =
  | { readonly kind: 'caught'; readonly by: string; readonly more: number }
  | { readonly kind: 'survived' | 'broken'; readonly why: string }

/** What a run of Vitest says of itself, as far as it is needed here. */
interface Report {
  readonly numTotalTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** A copy of the sources and tests in which patches can be tried without touching the working tree. */
function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'linkspan-mutants-'))
  for (const path of COPIED)
    cpSync(join(root, path), join(copy, path), { recursive: true, filter: (from) => !LEFT_OUT.test(from) })
  mkdirSync(join(copy, 'node_modules'))
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== 'linkspan' && name !== '.vite' && name !== '.vite-temp')
      symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  symlinkSync(join(copy, 'packages', 'linkspan'), join(copy, 'node_modules', 'linkspan'))
  return copy
}

async function runTests(copy: string, tests: readonly string[], bail: boolean): Promise<Report> {
  const output = join(copy, 'report.json')
  rmSync(output, { force: true })
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const flags = ['--reporter=json', `--outputFile=${output}`, '--no-color', ...(bail ? ['--bail=1'] : [])]
  const child = spawn(execPath, [vitest, 'run', '--root', copy, ...flags, ...tests], {
    cwd: copy,
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...env, NODE_ENV: 'test' },
  })
  await new Promise((done) => child.once('close', done))
  return JSON.parse(readFileSync(output, 'utf8')) as Report
}

function failuresOf({ testResults }: Report): readonly string[] {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  )
}

async function tryOne(copy: string, mutant: Mutant): Promise<Verdict> {
  try {
    applyTo(copy, mutant, 'apply')
  } catch (error) {
    return { kind: 'broken', why: `the patch does not apply any more: ${String(error)}` }
  }
  try {
    const report = await runTests(copy, mutant.tests, true)
    const [by, ...more] = failuresOf(report)
    if (by !== undefined) return { kind: 'caught', by, more: more.length }
    if (report.numTotalTests === 0)
      return {
        kind: 'broken',
        why: `no test ran: ${report.testResults.map(({ message }) => message).join('; ')}`,
      }
    return { kind: 'survived', why: `${report.numTotalTests} tests pass with it` }
  } finally {
    applyTo(copy, mutant, 'revert')
  }
}

function tell({ name, removes }: Mutant, verdict: Verdict, seconds: number): void {
  const took = `${seconds.toFixed(1)} s`
  if (verdict.kind === 'caught') console.log(`caught    ${name} (${took}) by "${verdict.by}"`)
  else
    console.log(
      `${verdict.kind.toUpperCase().padEnd(9)} ${name} (${took}): ${verdict.why}\n          ${removes}`,
    )
}

async function soundness(copy: string, mutants: readonly Mutant[]): Promise<readonly string[]> {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))]
  stdout.write(`${mutants.length} mutants, ${tests.length} test files; first without any fault… `)
  const report = await runTests(copy, tests, false)
  const failures = failuresOf(report)
  console.log(failures.length === 0 ? `${report.numTotalTests} tests pass` : 'tests fail')
  return report.numTotalTests === 0 ? ['no test ran'] : failures
}

async function main(): Promise<number> {
  const { values } = parseArgs({ args: argv.slice(2), options: { only: { type: 'string', multiple: true } } })
  const known = allMutants()
  const unknown = (values.only ?? []).filter((name) => !known.some((mutant) => mutant.name === name))
  if (unknown.length > 0) {
    console.error(`No mutant ${unknown.join(', ')}. There are: ${known.map(({ name }) => name).join(', ')}.`)
    return 2
  }
  const mutants = known.filter(({ name }) => values.only?.includes(name) ?? true)
  const copy = makeCopy()
  try {
    const failures = await soundness(copy, mutants)
    for (const failure of failures) console.error(`Fails without any fault: ${failure}`)
    if (failures.length > 0) return 1
    let bad = 0
    for (const mutant of mutants) {
      const began = performance.now()
      const verdict = await tryOne(copy, mutant)
      if (verdict.kind !== 'caught') bad += 1
      tell(mutant, verdict, (performance.now() - began) / 1_000)
    }
    console.log(`${mutants.length - bad} of ${mutants.length} mutants caught`)
    return bad === 0 ? 0 : 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

exit(await main())
