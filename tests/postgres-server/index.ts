/** Real PostgreSQL servers for tests, from npm packages: no Docker, no system packages, no install scripts. */
export {
  type PostgresOptions,
  type PostgresServer,
  type Settings,
  startPostgres,
} from './start-postgres.ts'
export { type OldPrimary, type Replicated, startReplicated } from './start-replicated.ts'
export { type TestPostgres, testPostgres, urlVariable } from './test-postgres.ts'
export { type Major, majors } from './versions.ts'
