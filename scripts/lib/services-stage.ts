import { type Command, type Run, run, script } from './command.ts'
import type { Outcome } from './counts.ts'

/** Brings the servers up, runs the tests on them, and takes down what it brought up; all within a limit. */
export async function runServices(
  limitMs: number,
  start: (command: Command) => Promise<Run> = run,
): Promise<Run & { readonly outcome: Outcome }> {
  const ran = await start({ ...script('scripts/test-services.ts', '--up'), limitMs, group: true })
  return { ...ran, outcome: servicesCounts(ran) }
}

/** Reads the last line of `npm run test:services`. A run that did not come to it failed. */
export function servicesCounts({ output, code }: Run): Outcome {
  const [, passed, failed] =
    /^(\d+) passed, (\d+) failed$/m.exec(output.trimEnd().split('\n').at(-1) ?? '') ?? []
  if (passed === undefined || failed === undefined)
    return { passed: 0, failed: 1, note: 'the tests on the servers did not come to their end' }
  const servers = [...output.matchAll(/^[\w-]+ +(?:ready|elsewhere) /gm)].length
  const missing = [...output.matchAll(/^[\w-]+ +missing /gm)].length
  const note = `${passed} tests passed on ${servers === 1 ? 'one server' : `${servers} servers`}${missing > 0 ? `, ${missing} missing` : ''}`
  const counted = { passed: Number(passed), failed: Math.max(Number(failed), code === 0 ? 0 : 1) }
  return { ...counted, note: counted.failed > 0 ? `${counted.failed} failed, ${note}` : note }
}
