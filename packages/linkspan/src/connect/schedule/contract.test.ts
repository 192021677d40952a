import { test } from 'vitest'
import type { Capability, TrialItem } from '../../testing/index.ts'
import { testConnector } from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { type ScheduledRun, schedule } from './index.ts'

const NO_SYSTEM = 'a schedule has no system and no connection: it reads the clock'

const WITHOUT: Partial<Record<Capability, string>> = {
  connection: NO_SYSTEM,
  operation: NO_SYSTEM,
  restart: NO_SYSTEM,
  freeze: NO_SYSTEM,
  cut: NO_SYSTEM,
  slow: NO_SYSTEM,
  redelivery: NO_SYSTEM,
  unreadable: 'a time can always be read',
}

const EVERY_MS = 1_000

testConnector(test, {
  name: 'schedule',
  against: 'real system',
  time: 'virtual',
  without: WITHOUT,
  async make({ clock }) {
    // What the suite puts in stands for the next times of the schedule, one each.
    const itemAt = new Map<number, TrialItem>()
    let last = 0
    const ours = (body: unknown): TrialItem | undefined =>
      itemAt.get(Date.parse((body as ScheduledRun).scheduledAt))
    return {
      source: {
        source: schedule(EVERY_MS, { missed: 'all' }) as SourceDeclaration<never>,
        key: (body: ScheduledRun) => ours(body)?.key ?? '',
        put: async (items) => {
          for (const item of items) {
            last = Math.max(last, Math.floor(clock.now() / EVERY_MS) * EVERY_MS) + EVERY_MS
            itemAt.set(last, item)
          }
        },
        item: ({ body }) => ours(body) ?? null,
      },
      dispose: async () => undefined,
    }
  },
})
