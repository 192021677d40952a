import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of the benchmark's own. */
export type TemporaryFolder = { readonly path: string; readonly remove: () => void }

/** Makes an empty folder, which goes with `remove` or, where the run is broken off, with this process. */
export const temporaryFolder = (what: string): TemporaryFolder => {
  const path = mkdtempSync(join(tmpdir(), `linkspan-bench-${what}-`))
  const erase = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  process.once('exit', erase)
  return {
    path,
    remove: () => {
      process.off('exit', erase)
      erase()
    },
  }
}
