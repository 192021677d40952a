import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'

/** The texts of files by their paths. */
export type Tree = Readonly<Record<string, string>>

/** Answers a function that writes a tree into a folder of its own; the folders are removed after each test. */
export function treePlanter(): (files: Tree) => string {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })
  return (files) => {
    const folder = mkdtempSync(join(tmpdir(), 'planted-'))
    folders.push(folder)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return folder
  }
}
