import { defineConfig } from 'vitest/config'
import { NODE_OPTIONS } from './scripts/lib/node-options.ts'
import { services } from './scripts/services/list.ts'
import { environmentOf, presences } from './scripts/services/presence.ts'

/** The tests against the real servers: `npm run test:services`. One file at a time, since they restart and freeze servers. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['**/*.services.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    execArgv: [...NODE_OPTIONS],
    fileParallelism: false,
    env: environmentOf(await presences(services)),
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
