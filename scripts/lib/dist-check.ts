import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { filesBelow } from './files.ts'
import { type Import, importsOf } from './imports.ts'

/**
 * The text of a declaration file with its relative `.ts` specifiers turned into `.js`. TypeScript 7 rewrites
 * them in the JavaScript that it emits, but leaves them in declarations (imports, import types and module
 * augmentations alike), where only compilers that know the option understand them.
 */
export function withJsSpecifiers(declarations: string): string {
  let text = declarations
  for (const { specifier, at } of importsOf(declarations).toReversed()) {
    if (!isRelative(specifier) || !/(?<!\.d)\.ts$/.test(specifier)) continue
    const end = at + 1 + specifier.length
    text = `${text.slice(0, end - '.ts'.length)}.js${text.slice(end)}`
  }
  return text
}

/** Relative imports of emitted files that lead to no emitted file, one message each. */
export function danglingImports(dist: string): readonly string[] {
  return emitted(dist).flatMap((path) =>
    importsIn(dist, path)
      .filter(({ specifier }) => isRelative(specifier) && !leadsSomewhere(dist, path, specifier))
      .map(({ specifier, line }) => `${path}:${line}: '${specifier}' leads to no emitted file`),
  )
}

/**
 * Module augmentations that a user would not see. The compiler drops `import { x } from './map.ts'` from a
 * declaration file in which no type needs `x`, and with it whatever `map.ts` adds to other interfaces: it
 * works from source and is gone from the package. Checked for each entry that reaches the augmented module.
 */
export function lostAugmentations(dist: string, entries: readonly string[]): readonly string[] {
  const augmentations = emitted(dist)
    .filter((path) => path.endsWith('.d.ts'))
    .flatMap((path) =>
      importsIn(dist, path)
        .filter(({ kind, specifier }) => kind === 'augment' && isRelative(specifier))
        .map(({ specifier }) => ({ path, target: declarationOf(path, specifier) })),
    )
  return entries.flatMap((entry) => {
    const reached = reachedFrom(dist, entry)
    return augmentations
      .filter(({ path, target }) => reached.has(target) && !reached.has(path))
      .map(
        ({ path, target }) =>
          `${entry}: reaches ${target}, but not what ${path} adds to it. Re-export something of that file on ` +
          "the way, or write `export type {} from './…'`, which the compiler keeps",
      )
  })
}

function reachedFrom(dist: string, entry: string): ReadonlySet<string> {
  const reached = new Set([entry])
  for (const path of reached) {
    for (const { specifier } of importsIn(dist, path)) {
      if (isRelative(specifier)) reached.add(declarationOf(path, specifier))
    }
  }
  return reached
}

function emitted(dist: string): readonly string[] {
  return filesBelow(dist, (path) => /\.(?:js|d\.ts)$/.test(path) && !path.split('/').includes('templates'))
}

function importsIn(dist: string, path: string): readonly Import[] {
  const file = join(dist, path)
  return existsSync(file) ? importsOf(readFileSync(file, 'utf8')) : []
}

function leadsSomewhere(dist: string, from: string, specifier: string): boolean {
  const target = from.endsWith('.d.ts') ? declarationOf(from, specifier) : targetOf(from, specifier)
  return !target.startsWith('../') && !/(?<!\.d)\.ts$/.test(specifier) && existsSync(join(dist, target))
}

function declarationOf(from: string, specifier: string): string {
  return targetOf(from, specifier).replace(/\.js$/, '.d.ts')
}

function targetOf(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier)
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../')
}
