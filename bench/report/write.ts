import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TableRun } from '../run/table-run.ts'
import type { Machine } from './machine.ts'
import { verdicts } from './verdict.ts'

export type Result = TableRun & { readonly machine: Machine; readonly targets: ReturnType<typeof verdicts> }

export const resultOf = (run: TableRun, machine: Machine): Result => ({
  ...run,
  machine,
  targets: verdicts(run),
})

/** Writes `results/DATE-TABLE.md` and `.json`; one of the same day is replaced. */
export const writeResult = (result: Result, text: string): string => {
  const folder = fileURLToPath(new URL('../results/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const name = `${result.startedAt.slice(0, 10)}-${result.table.id}`
  writeFileSync(`${folder}${name}.md`, text)
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(result, null, 1)}\n`)
  return `bench/results/${name}.md`
}
