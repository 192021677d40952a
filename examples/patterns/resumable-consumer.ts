import { deepEqual } from 'node:assert/strict'
import { flow } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { schedule } from 'linkspan/schedule'
import { testFlow } from 'linkspan/testing'
import { patternExample } from './lib/pattern-example.ts'

const tower = httpConnection('tower')
const strike = tower.post({
  name: 'strike',
  path: '/strikes',
  body: (at: string) => ({ at }),
  guarantee: { kind: 'key', validFor: '24h' },
})

// Its cursor is the last run that was accepted.
export const bell = flow('bell')
  .from(schedule('1h', { missed: 'all' }), { key: () => 'bell' })
  .to('strike', strike, { input: (run) => run.scheduledAt })

export const example = patternExample({
  flows: [bell],
  input: ({ send }) => {
    send({ scheduledAt: '2026-01-01T00:00:00.000Z', previousAt: null, missed: 0 })
  },
  outcome: async () => {
    await using running = await testFlow(bell, { sources: true, start: Date.UTC(2026, 0, 1, 0, 30) })
    await running.advance('1h')
    running.crash()
    await running.clock.advance('3h')
    await running.restart()
    await running.advance('1h')
    const hours = (running.applied('tower.strike') as string[]).map((at) => at.slice(11, 16))
    deepEqual(hours, ['01:00', '02:00', '03:00', '04:00', '05:00'])
  },
})
