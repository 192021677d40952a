#!/usr/bin/env node
// Runs on any Node, also on one too old for the rest: only syntax and modules that all of them have.
import { existsSync } from 'node:fs'

const LEAST = 24

if (Number(process.versions.node.split('.')[0]) < LEAST) {
  process.stderr.write(
    `error: Linkspan needs Node ${LEAST} or newer. This is Node ${process.versions.node} (${process.execPath}).\n` +
      `  In a project that brings its own Node, start it by npm: npx linkspan …, npm run dev.\n` +
      `  Anywhere: npx --package=node@${LEAST} --package=linkspan linkspan …\n` +
      `  Or install Node ${LEAST}: https://nodejs.org\n`,
  )
  process.exitCode = 3
} else {
  quietWarnings()
  process.exitCode = await run(process.argv.slice(2))
  // What a user's code left open must not keep a command that has ended.
  endOnceWritten()
}

function endOnceWritten() {
  if (process.stdout.writableLength + process.stderr.writableLength > 0) setTimeout(endOnceWritten, 50)
  else process.exit()
}

/** A checkout runs from its sources, an installed package from what was built of them. */
async function run(args) {
  const source = new URL('../src/cli/main.ts', import.meta.url)
  if (!existsSync(source)) return (await import('../dist/cli/main.js')).main(args)
  await resolveToSource()
  return (await import(source.href)).main(args)
}

/**
 * With this, `import 'linkspan'` in a user's project leads to the same sources, not to what may not be built.
 * Only for this package: others may publish sources that Node cannot run.
 */
async function resolveToSource() {
  const { registerHooks } = await import('node:module')
  registerHooks({
    resolve(specifier, context, next) {
      if (!/^linkspan(?:\/|$)/.test(specifier)) return next(specifier, context)
      try {
        return next(specifier, { ...context, conditions: ['source', ...context.conditions] })
      } catch (error) {
        // The project has a built package of its own, without sources.
        if (error?.code === 'ERR_MODULE_NOT_FOUND') return next(specifier, context)
        throw error
      }
    },
  })
}

/** That node:sqlite is young is known here, and nothing a user could do something about. */
function quietWarnings() {
  const emit = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    if (String(warning).startsWith('SQLite is an experimental feature')) return
    emit.call(process, warning, ...rest)
  }
}
