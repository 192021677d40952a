import { describe } from 'vitest'
import { serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import { captureSuite } from './fixtures/capture-suite.ts'
import { onNewPostgres } from './fixtures/postgres.ts'

const server = serviceUnderTest('postgres')

describe.skipIf(server === null)('on the server of the services', () => {
  const [url = ''] = Object.values(server?.environment ?? {})
  const trouble = server?.trouble ?? null
  captureSuite('PostgreSQL', () => onNewPostgres(url), {
    server: trouble === null ? null : { kill: trouble.stop, restart: trouble.start },
    programs: true,
  })
})
