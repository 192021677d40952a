import { faultsSuite } from './fixtures/faults-suite.ts'
import { onSqlite } from './fixtures/sqlite.ts'

faultsSuite('SQLite', onSqlite)
