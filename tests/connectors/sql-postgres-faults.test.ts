import { faultsSuite } from '../../packages/linkspan/src/connect/sql/fixtures/faults-suite.ts'
import { onPostgres } from '../../packages/linkspan/src/connect/sql/fixtures/postgres.ts'
import { startPostgres } from '../postgres-server/index.ts'

faultsSuite('PostgreSQL', async () => {
  const server = await startPostgres()
  return {
    ...onPostgres(server.url, () => server.stop()),
    server: { kill: () => server.kill9(), restart: () => server.restart() },
  }
})
