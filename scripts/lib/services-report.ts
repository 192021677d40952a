import type { Presence } from '../services/presence.ts'

/** What is read of the report that vitest writes as JSON. */
export interface TestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly message?: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** What the tests against the servers came to. */
export interface ServicesOutcome {
  readonly passed: number
  readonly failed: number
  /** The lines that say so, the counts last. */
  readonly lines: readonly string[]
}

/**
 * Puts the servers and the tests together. A server that could be had and is missing is a failure, and so is a run without a
 * single test that passed where there is a server at all.
 */
export function servicesOutcome(
  found: readonly Presence[],
  report: TestReport | null,
  /** False where only some tests were asked for: then a server that is missing is told, and no failure. */
  needsAll = true,
): ServicesOutcome {
  const tests = report?.testResults ?? []
  const all = tests.flatMap(({ assertionResults }) => assertionResults)
  const passed = all.filter(({ status }) => status === 'passed').length
  const left = all.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const problems = [
    ...found
      .filter((each) => needsAll && isMissing(each))
      .map(({ service }) => `${service.name} could be had on this machine, and is missing`),
    ...all.filter(({ status }) => status === 'failed').map(({ fullName }) => `failed: ${fullName}`),
    ...tests.filter(loadedNothing).map(({ name, message }) => `${name} did not run: ${firstLine(message)}`),
    ...(report === null ? ['the tests did not run to their end'] : []),
    ...(report !== null && passed === 0 && found.some(({ state }) => state !== 'missing')
      ? ['no test passed']
      : []),
  ]
  return {
    passed,
    failed: problems.length,
    lines: [
      ...found.map(lineOf),
      '',
      ...left.map(({ fullName }) => `left out: ${fullName}`),
      ...problems,
      `${passed} passed, ${problems.length} failed`,
    ],
  }
}

const isMissing = ({ state, obtainable }: Presence): boolean => state === 'missing' && obtainable

/** A file that does not load has no test that failed. */
const loadedNothing = ({ message, assertionResults }: TestReport['testResults'][number]): boolean =>
  assertionResults.length === 0 && message !== undefined && message !== ''

const firstLine = (text = ''): string => text.split('\n')[0] ?? ''

/** A line of the table of servers. */
export function lineOf({ service, state, note }: Presence): string {
  return `${service.name.padEnd(12)} ${state.padEnd(10)} ${note}`
}
