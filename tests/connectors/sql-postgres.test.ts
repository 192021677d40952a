import { afterAll, beforeAll } from 'vitest'
import { operationsSuite } from '../../packages/linkspan/src/connect/sql/fixtures/operations-suite.ts'
import { onPostgres } from '../../packages/linkspan/src/connect/sql/fixtures/postgres.ts'
import { sourcesSuite } from '../../packages/linkspan/src/connect/sql/fixtures/sources-suite.ts'
import { type TestPostgres, testPostgres } from '../postgres-server/index.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server?.stop())

const database = async () => onPostgres(await server.database())

operationsSuite('PostgreSQL', database)
sourcesSuite('PostgreSQL', database)
