import { test } from 'vitest'
import { testJournal } from '../../testing/test-journal.ts'
import { simulated } from './simulated.ts'

testJournal(test, {
  name: 'simulated',
  make: async () => {
    const factory = simulated()
    const now = (): number => 1_000_000
    return {
      factory,
      environment: {
        directory: '/nowhere',
        clock: { now, monotonic: now, timer: () => () => {}, defer: (run) => queueMicrotask(run) },
        logger: { log: () => {} },
      },
      crash: async () => factory.crash(),
      dispose: async () => {},
    }
  },
})
