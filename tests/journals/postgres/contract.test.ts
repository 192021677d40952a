import { test } from 'vitest'
import { testJournal } from '../../../packages/linkspan/src/testing/test-journal.ts'
import { databasePerFile } from './databases.ts'
import { postgresRig } from './rig.ts'
import { sharedPostgresRig } from './shared-rig.ts'

const url = databasePerFile()

testJournal(test, {
  name: 'postgres',
  make: async () => postgresRig(url()),
  makeShared: async () => sharedPostgresRig(url(), 7),
})
