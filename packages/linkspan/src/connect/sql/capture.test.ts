import { afterAll, beforeAll } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../../../tests/postgres-server/index.ts'
import { captureSuite } from './fixtures/capture-suite.ts'
import { onNewPostgres } from './fixtures/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({
    config: { wal_level: 'logical', max_replication_slots: 20, max_wal_senders: 20 },
  })
})
afterAll(() => server?.stop())

captureSuite('a PostgreSQL of its own', () => onNewPostgres(server.url), {
  server: { kill: () => server.kill9(), restart: () => server.restart() },
  // The suite on the server of the services has them; here the engine dies at commits.
  programs: false,
})
