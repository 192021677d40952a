import { buildConsole, consoleIsCurrent } from './lib/console-build.ts'

/** Builds the console alone; with `--if-needed`, only where the one that is there is older than its source. */
if (process.argv.includes('--if-needed') && consoleIsCurrent()) process.exit(0)
console.log('Building the console…')
const fault = await buildConsole()
if (fault !== null) console.error(fault)
process.exitCode = fault === null ? 0 : 1
