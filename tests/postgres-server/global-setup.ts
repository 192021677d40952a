/** For vitest's `globalSetup`: one server for all test files that use {@link testPostgres}. */
import { startPostgres } from './start-postgres.ts'
import { urlVariable } from './test-postgres.ts'

/** Answers how to end what it started. */
export async function setup(): Promise<() => Promise<void>> {
  if (process.env[urlVariable]) return async () => {}
  const server = await startPostgres({ config: { max_connections: 200 } })
  process.env[urlVariable] = server.url
  return async () => {
    delete process.env[urlVariable]
    await server.stop()
  }
}
