import { join } from 'node:path'
import { test } from 'vitest'
import { root } from '../../../../../scripts/lib/files.ts'
import { freeze, kill, type Place, thaw, up } from '../../../../../scripts/services/control.ts'
import { mariadb } from '../../../../../scripts/services/mariadb.ts'
import { postgres } from '../../../../../scripts/services/postgres.ts'
import type { Service } from '../../../../../scripts/services/service.ts'
import { type Capability, testConnector } from '../../testing/index.ts'
import { onMysql } from './fixtures/mariadb.ts'
import { onPostgresSchema } from './fixtures/postgres.ts'
import { sqlUnderTest, TRIALS, type TriedDatabase } from './fixtures/trial.ts'

const place: Place = {
  folder: process.env['LINKSPAN_SERVICES_FOLDER'] ?? join(root, 'data', 'services'),
  say: () => undefined,
}

const urlOf = ({ environment }: Service): string => {
  const [[name, fallback] = ['', '']] = Object.entries(environment)
  return process.env[name] ?? fallback
}

const WITHOUT: Readonly<Partial<Record<Capability, string>>> = {
  cut: 'the server is stopped in the middle instead',
  slow: 'the server is frozen instead',
  lostReply: 'nothing lies between us and the server; the faults suite kills it under load',
}

const WRONG = 'wr0ng-password-5a4b3c'

function on(service: Service, make: (url: string) => Promise<TriedDatabase>): () => Promise<TriedDatabase> {
  return async () => {
    const url = urlOf(service)
    const wrong = new URL(url)
    wrong.password = WRONG
    return {
      ...(await make(url)),
      wrongConfig: { url: wrong.href },
      secrets: [WRONG],
      system: {
        stop: () => kill([service], place),
        start: () => up([service], place),
        freeze: async () => freeze([service], place),
        thaw: async () => thaw([service], place),
      },
    }
  }
}

const DATABASES = { PostgreSQL: on(postgres, onPostgresSchema), MariaDB: on(mariadb, onMysql) }

for (const [name, make] of Object.entries(DATABASES))
  for (const tried of TRIALS)
    testConnector(test, { ...sqlUnderTest(name, tried, make, WITHOUT), against: 'real system' })
