import { test } from 'vitest'
import { testJournal } from '../../testing/test-journal.ts'
import { sqliteRig } from './fixtures/rig.ts'
import { sqlite } from './sqlite.ts'

testJournal(test, {
  name: 'sqlite in a worker',
  make: async () => sqliteRig(sqlite('hub.db', { thread: 'worker' })),
})
