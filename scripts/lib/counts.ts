/** How much passed and failed. */
export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** What a stage came to. */
export interface Outcome extends Counts {
  readonly note?: string
}

/** A stage other than the tests counts as one. */
export function one(ok: boolean): Counts {
  return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

export function sum(counts: readonly Counts[]): Counts {
  return {
    passed: counts.reduce((total, { passed }) => total + passed, 0),
    failed: counts.reduce((total, { failed }) => total + failed, 0),
  }
}

/**
 * Reads the counts from vitest's summary. A run that failed counts at least one failure, also when no test did
 * (a file that does not load, an error outside the tests); a run of no test at all counts as a failure.
 */
export function testCounts(output: string, code: number): Outcome {
  const line = output.match(/^\s*Tests\s+(.*)$/gm)?.at(-1) ?? ''
  const passed = counted(line, 'passed')
  const failed = counted(line, 'failed')
  const skipped = counted(line, 'skipped') + counted(line, 'todo')
  const note = `${passed} tests passed${skipped > 0 ? `, ${skipped} skipped` : ''}`
  if (passed + failed === 0) return { passed, failed: 1, note: 'no test ran' }
  if (failed > 0) return { passed, failed, note: `${failed} tests failed, ${note}` }
  if (code !== 0) return { passed, failed: 1, note: `${note}, but the run failed outside of them` }
  return { passed, failed, note }
}

function counted(line: string, word: string): number {
  return Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
}

const DEATH =
  /Worker exited unexpectedly with signal (SIGTRAP|SIGSEGV|SIGBUS|SIGILL)\b.* while running test file (\S+)/g

/** A process of the test runner that died, not by anything a program in JavaScript can do, and what it was running. */
export interface Death {
  readonly signal: string
  readonly file: string
}

/**
 * The deaths that are all that was wrong with a run: no test failed and nothing else went wrong. Empty otherwise. Node
 * itself has a defect then; it dies so once in some ten runs of all tests, of whichever file, and the tests of that file
 * have not been run.
 */
export function onlyDeaths(output: string, code: number): readonly Death[] {
  const deaths = [...output.matchAll(DEATH)].map(([, signal = '', file = '']) => ({ signal, file }))
  const line = output.match(/^\s*Tests\s+(.*)$/gm)?.at(-1) ?? ''
  const errors = Number(/^\s*Errors\s+(\d+) error/gm.exec(output)?.[1] ?? 0)
  return code !== 0 && counted(line, 'failed') === 0 && errors === deaths.length ? deaths : []
}
