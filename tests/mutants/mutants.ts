import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** A planted fault: a patch that takes one protection away, and the tests that have to notice. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** What the protection is and which promise breaks without it. */
  readonly removes: string
  /** The test files that are run against it, relative to the repository. */
  readonly tests: readonly string[]
}

const folder = import.meta.dirname

/** All mutants, by name. A patch begins with a comment that says what it removes, and one per test file. */
export function allMutants(): readonly Mutant[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.patch'))
  return files.toSorted().map((name) => read(join(folder, name)))
}

function read(file: string): Mutant {
  const comments = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('# '))
    .map((line) => line.slice(2))
  const tests = comments.filter((line) => line.startsWith('tests: ')).map((line) => line.slice(7))
  const [removes = ''] = comments
  if (comments.length === 0 || tests.length === 0 || removes.startsWith('tests: '))
    throw new Error(`${file} must begin with "# what it removes" and "# tests: file" lines.`)
  return { name: basename(file, '.patch'), file, removes, tests }
}

/** Applies a mutant's patch to the sources in a folder, or takes it back; with `check` only tries. Throws what git says. */
export function applyTo(target: string, { file }: Mutant, mode: 'apply' | 'revert' | 'check'): void {
  const flags = { apply: [], revert: ['--reverse'], check: ['--check'] }[mode]
  // Two lines of context, of which one has to fit: code around a fault may change without touching it.
  execFileSync('git', ['apply', '-p1', '-C1', ...flags, file], {
    cwd: target,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
