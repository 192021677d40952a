import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow, root } from '../../scripts/lib/files.ts'

/** What the documentation takes from a result of the benchmark. */
export interface Result {
  readonly table: { readonly id: string }
  readonly startedAt: string
  readonly machine: Readonly<Record<'cores' | 'cpu' | 'disk' | 'node', string | number>>
  readonly rows: readonly {
    readonly name: string
    /** JSON has null for a round that failed, and for a figure that is not a number. */
    readonly rounds: readonly (Readonly<Record<string, number | null>> | null)[]
  }[]
  readonly targets: readonly {
    readonly text: string
    readonly verdict: string
    readonly measured?: { readonly median: number; readonly low: number; readonly high: number }
  }[]
}

/** The newest result of each table, by the table's name. */
export function newestResults(): ReadonlyMap<string, Result> {
  const folder = join(root, 'bench', 'results')
  const newest = new Map<string, Result>()
  for (const file of filesBelow(folder, (path) => path.endsWith('.json'))) {
    const result = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Result
    newest.set(result.table.id, result)
  }
  return newest
}

/** The machine of a result, in a sentence. */
export function machineOf({ machine }: Result): string {
  return `${machine.cores} cores of ${machine.cpu}, ${machine.disk}, Node ${machine.node}.`
}
