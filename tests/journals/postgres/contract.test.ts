import { afterAll, beforeAll, test } from 'vitest'
import { testJournal } from '../../../packages/linkspan/src/testing/test-journal.ts'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { postgresRig } from './rig.ts'

let databases: TestPostgres
let url: string

beforeAll(async () => {
  databases = await testPostgres()
  url = await databases.database()
})
afterAll(() => databases.stop())

testJournal(test, { name: 'postgres', make: async () => postgresRig(url) })
