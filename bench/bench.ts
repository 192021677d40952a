/** `npm run bench`: runs the tables asked for, prints them, and writes them to bench/results. */
import { readOptions } from './options.ts'
import { describeMachine } from './report/machine.ts'
import { markdown } from './report/markdown.ts'
import { type Result, resultOf, writeResult } from './report/write.ts'
import { runTable } from './run/table-run.ts'
import { tables } from './tables.ts'

// So that what was started ends with a run that is broken off: it hangs on this process's exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const options = readOptions(process.argv.slice(2))
const machine = describeMachine()
const results: Result[] = []

for (const id of options.tables) {
  const run = await runTable(tables.find((table) => table.id === id)!, options)
  const result = resultOf(run, machine)
  const text = markdown(run, machine)
  console.log(text)
  if (!options.quick) console.error(`written: ${writeResult(result, text)}`)
  results.push(result)
}

if (options.json) console.log(JSON.stringify(results))
