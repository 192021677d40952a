import { describe } from 'vitest'
import { serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import { faultsSuite } from './fixtures/faults-suite.ts'
import { onMysql } from './fixtures/mariadb.ts'
import { operationsSuite } from './fixtures/operations-suite.ts'
import { sourcesSuite } from './fixtures/sources-suite.ts'

const server = serviceUnderTest('mariadb')

describe.skipIf(server === null)('the suites of the connector', () => {
  const [url = ''] = Object.values(server?.environment ?? {})
  const trouble = server?.trouble ?? null
  const database = () => onMysql(url)

  operationsSuite('MariaDB', database)
  sourcesSuite('MariaDB', database)
  faultsSuite('MariaDB', async () => ({
    ...(await database()),
    ...(trouble === null ? {} : { server: { kill: trouble.stop, restart: trouble.start } }),
  }))
})
