import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'tests/mutants/**'],
    pool: 'forks',
    // V8 loses track of its own pages of code now and then where the processor has memory protection keys, and ends the
    // process ("Check failed: jit_page.has_value()", archestra-ai/archestra#6177, nodejs/node#64500).
    execArgv: ['--conditions=source', '--no-memory-protection-keys'],
    // Nothing is tested by the clock on the wall: these end what hangs, also on a machine that is busy with other things.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
