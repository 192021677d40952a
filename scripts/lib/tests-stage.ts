import { isAbsolute, relative } from 'node:path'
import { type Command, npm, type Run, run } from './command.ts'
import { type Death, onlyDeaths, type Outcome, sum, testCounts } from './counts.ts'
import { root } from './files.ts'

/**
 * Runs all tests, and once more the files whose process Node itself ended. What the second run says of them counts, and
 * that there was one is told.
 */
export async function runTests(
  limitMs: number,
  start: (command: Command) => Promise<Run> = run,
): Promise<Run & { readonly outcome: Outcome }> {
  const tests = (...files: readonly string[]): Promise<Run> =>
    start({ ...npm('test', ...(files.length > 0 ? ['--', ...files] : [])), limitMs, group: true })
  const first = await tests()
  const deaths = onlyDeaths(first.output, first.code)
  if (deaths.length === 0) return { ...first, outcome: testCounts(first.output, first.code) }
  const again = await tests(...new Set(deaths.map(({ file }) => nameOf(file))))
  const output = `${first.output}\n${again.output}`
  const counted = testCounts(again.output, again.code)
  const { passed, failed } = sum([testCounts(first.output, 0), counted])
  return { code: again.code, output, outcome: { passed, failed, note: noteOf(passed, failed, deaths) } }
}

function nameOf(file: string): string {
  return isAbsolute(file) ? relative(root, file) : file
}

function noteOf(passed: number, failed: number, deaths: readonly Death[]): string {
  const died = deaths.map(({ signal, file }) => `${nameOf(file)} by ${signal}`).join(', ')
  return `${passed} tests passed${failed > 0 ? `, ${failed} failed` : ''}; Node died in ${died}, so its tests were run again`
}
