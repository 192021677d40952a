import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshEnvironment } from '../../packages/linkspan/src/journal/sqlite/fixtures/rig.ts'
import { sqlite } from '../../packages/linkspan/src/journal/sqlite/sqlite.ts'
import type { JournalRig } from '../../packages/linkspan/src/testing/test-journal.ts'
import { type TestPostgres, testPostgres } from '../postgres-server/index.ts'
import { cannotBeToldApart } from './equivalence.ts'
import { postgresRig } from './postgres/rig.ts'

let databases: TestPostgres
let url: string

beforeAll(async () => {
  databases = await testPostgres()
  url = await databases.database()
})
afterAll(() => databases.stop())

function sqliteInMain(): JournalRig {
  const { environment, remove } = freshEnvironment()
  return {
    factory: sqlite('hub.db', { thread: 'main' }),
    environment,
    crash: async () => {},
    dispose: async () => remove(),
  }
}

test('SQLite and the simulated journal cannot be told apart', { timeout: 120_000 }, async () => {
  await expect(cannotBeToldApart(sqliteInMain, 40)).resolves.toBeUndefined()
})

test('PostgreSQL and the simulated journal cannot be told apart', { timeout: 240_000 }, async () => {
  await expect(cannotBeToldApart(() => postgresRig(url), 15)).resolves.toBeUndefined()
})

test('nor can they where the volumes of PostgreSQL hold three messages each', {
  timeout: 240_000,
}, async () => {
  await expect(cannotBeToldApart(() => postgresRig(url, { volumeSize: 3 }), 15)).resolves.toBeUndefined()
})
