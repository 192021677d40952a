import { defineConfig } from 'vitest/config'
import { NODE_OPTIONS } from './scripts/lib/node-options.ts'

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts', 'examples/**/*.test.ts'],
    // Those of `npm run test:services` need servers of other people.
    exclude: ['**/node_modules/**', '**/dist/**', 'tests/mutants/**', '**/*.services.test.ts'],
    pool: 'forks',
    execArgv: [...NODE_OPTIONS],
    // Nothing is tested by the clock on the wall: these end what hangs, also on a machine that is busy with other things.
    testTimeout: 600_000,
    hookTimeout: 300_000,
  },
})
