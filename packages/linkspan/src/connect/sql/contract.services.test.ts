import { test } from 'vitest'
import { serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import { type Capability, testConnector } from '../../testing/index.ts'
import { onMysql } from './fixtures/mariadb.ts'
import { onNewPostgres } from './fixtures/postgres.ts'
import { sqlUnderTest, TRIALS, type TriedDatabase } from './fixtures/trial.ts'

const WITHOUT: Readonly<Partial<Record<Capability, string>>> = {
  cut: 'the server is killed instead',
  slow: 'the server is frozen instead',
  lostReply: 'nothing lies between us and the server; the faults suite kills it under load',
}
const KEPT: Readonly<Partial<Record<Capability, string>>> = {
  ...WITHOUT,
  restart: 'others keep this server',
  freeze: 'others keep this server',
}

const WRONG = 'wr0ng-password-5a4b3c'

const DATABASES = [
  ['PostgreSQL', 'postgres', onNewPostgres],
  ['MariaDB', 'mariadb', onMysql],
] as const

for (const [name, service, make] of DATABASES) {
  const server = serviceUnderTest(service)
  if (server === null) {
    test.skip(`${name} is not up`, () => undefined)
    continue
  }
  const [url = ''] = Object.values(server.environment)
  const wrong = new URL(url)
  wrong.password = WRONG
  const database = async (): Promise<TriedDatabase> => ({
    ...(await make(url)),
    wrongConfig: { url: wrong.href },
    secrets: [WRONG],
    ...(server.trouble === null ? {} : { system: server.trouble }),
  })
  for (const tried of TRIALS)
    testConnector(test, {
      ...sqlUnderTest(name, tried, database, server.trouble === null ? KEPT : WITHOUT),
      against: 'real system',
    })
}
