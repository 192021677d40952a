import { expect, test } from 'vitest'
import { freshEnvironment } from '../../packages/linkspan/src/journal/sqlite/fixtures/rig.ts'
import { sqlite } from '../../packages/linkspan/src/journal/sqlite/sqlite.ts'
import type { JournalRig } from '../../packages/linkspan/src/testing/test-journal.ts'
import { cannotBeToldApart } from './equivalence.ts'
import { databasePerFile } from './postgres/databases.ts'
import { postgresRig } from './postgres/rig.ts'

const url = databasePerFile()

function sqliteInMain(): JournalRig {
  const { environment, remove } = freshEnvironment()
  return {
    factory: sqlite('hub.db', { thread: 'main' }),
    environment,
    crash: async () => {},
    dispose: async () => remove(),
  }
}

test('SQLite and the simulated journal cannot be told apart', async () => {
  await expect(cannotBeToldApart(sqliteInMain, 40)).resolves.toBeUndefined()
})

test('PostgreSQL and the simulated journal cannot be told apart', async () => {
  await expect(cannotBeToldApart(() => postgresRig(url()), 15, 32)).resolves.toBeUndefined()
})

test('nor can they where the volumes of PostgreSQL hold three messages each', async () => {
  await expect(
    cannotBeToldApart(() => postgresRig(url(), { volumeSize: 3 }), 15, 32),
  ).resolves.toBeUndefined()
})
