import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'linkspan'
import { afterEach, beforeEach, describe } from 'vitest'
import { behaviours } from './behaviours.ts'

describe('an engine on SQLite', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'linkspan-journal-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  behaviours(() => sqlite(join(folder, 'journal.db')))
})
