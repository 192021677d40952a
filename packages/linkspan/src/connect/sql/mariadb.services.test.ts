import { join } from 'node:path'
import { root } from '../../../../../scripts/lib/files.ts'
import { kill, type Place, up } from '../../../../../scripts/services/control.ts'
import { mariadb } from '../../../../../scripts/services/mariadb.ts'
import { faultsSuite } from './fixtures/faults-suite.ts'
import { onMysql } from './fixtures/mariadb.ts'
import { operationsSuite } from './fixtures/operations-suite.ts'
import { sourcesSuite } from './fixtures/sources-suite.ts'

const place: Place = {
  folder: process.env['LINKSPAN_SERVICES_FOLDER'] ?? join(root, 'data', 'services'),
  say: () => undefined,
}
const url = process.env['LINKSPAN_TEST_MARIADB_URL'] ?? Object.values(mariadb.environment)[0] ?? ''
const database = () => onMysql(url)

operationsSuite('MariaDB', database)
sourcesSuite('MariaDB', database)
faultsSuite('MariaDB', async () => ({
  ...(await database()),
  server: { kill: () => kill([mariadb], place), restart: () => up([mariadb], place) },
}))
