import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../fixtures/temp-folder.ts'
import { watchFiles } from './watch-files.ts'

/** Watches, and answers the changes one after another. */
function watched(files: readonly string[], newFiles = false) {
  const changes: string[][] = []
  let wake = (): void => {}
  const off = watchFiles(
    files,
    (changed) => {
      changes.push([...changed])
      wake()
    },
    { newFiles },
  )
  onTestFinished(off)
  return async (): Promise<readonly string[]> => {
    while (changes.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return changes.shift() ?? []
  }
}

test('a written file and a replaced one are changes; touching without another content is none', async () => {
  const folder = tempFolder({ 'a.ts': '1', 'flows/b.ts': '1', 'flows/other.ts': '1' })
  const [a, b] = [join(folder, 'a.ts'), join(folder, 'flows', 'b.ts')]
  const next = watched([a, b])
  writeFileSync(a, '1')
  writeFileSync(join(folder, 'flows', 'other.ts'), '2')
  writeFileSync(join(folder, 'flows', 'b.ts.tmp'), '2')
  renameSync(join(folder, 'flows', 'b.ts.tmp'), b)
  expect(await next()).toEqual([b])
  writeFileSync(a, '2')
  expect(await next()).toEqual([a])
})

test('new modules count only when asked for', async () => {
  const folder = tempFolder({ 'a.ts': '1' })
  const next = watched([join(folder, 'a.ts')], true)
  writeFileSync(join(folder, 'notes.txt'), 'x')
  writeFileSync(join(folder, 'new.ts'), 'export {}')
  expect(await next()).toEqual([join(folder, 'new.ts')])
})
