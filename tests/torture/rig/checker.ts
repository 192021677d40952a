/**
 * Reads the logs of a run, and nothing else, and says what they show. Usage: `node checker.ts <folder>`; prints the
 * verdict as one line of JSON, and exits with 1 when a promise was broken.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { argv, exit, stdout } from 'node:process'
import { check } from './check.ts'
import { readLines } from './line-log.ts'
import { LOGS } from './protocol.ts'

const folder = argv[2] ?? '.'
const read = <Line>(name: string): Line[] =>
  existsSync(join(folder, name)) ? readLines<Line>(join(folder, name)) : []

const verdict = check({
  load: read(LOGS.load),
  sinks: read(LOGS.sinks),
  engine: read(LOGS.engine),
  rig: read(LOGS.rig),
})
stdout.write(`${JSON.stringify(verdict)}\n`, () => exit(verdict.violations.length > 0 ? 1 : 0))
