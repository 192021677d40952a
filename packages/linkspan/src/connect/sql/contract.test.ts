import { test } from 'vitest'
import { type Capability, testConnector } from '../../testing/index.ts'
import { onSqlite } from './fixtures/sqlite.ts'
import { sqlUnderTest, TRIALS } from './fixtures/trial.ts'

const NO_SERVER = 'a file has no server between itself and us'

const WITHOUT: Readonly<Partial<Record<Capability, string>>> = {
  restart: NO_SERVER,
  freeze: NO_SERVER,
  cut: NO_SERVER,
  slow: NO_SERVER,
  lostReply: NO_SERVER,
  secrets: 'a file needs no credentials',
  credentials: 'a file needs no credentials',
}

for (const tried of TRIALS)
  testConnector(test, { ...sqlUnderTest('SQLite', tried, onSqlite, WITHOUT), against: 'real system' })
