import { expect, it } from 'vitest'
import type { CursorReader } from '../journal/journal.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { againCursor, followOthers, readLeft } from './follow-others.ts'
import type { Taker } from './intake.ts'
import { pausedCursor, pausedValue } from './paused.ts'

const orders = { name: 'orders', renamedFrom: [] }
const bills = { name: 'bills', renamedFrom: [] }

/** Two flows that are followed; what happens to their queues is told in order. */
async function rigged(given: { readonly afterReading?: (rows: Map<string, string>) => void } = {}) {
  const rows = new Map([[pausedCursor(orders), pausedValue(false, 'a')]])
  const cursors: CursorReader = {
    get: async (name) => rows.get(name) ?? null,
    list: async (prefix) => new Map([...rows].filter(([name]) => name.startsWith(prefix))),
  }
  const story: string[] = []
  const clock = virtualClock()
  const takerOf = (definition: typeof orders): Taker => {
    const queue = {
      paused: false,
      gained: () => void story.push(`${definition.name} read again`),
      pause: () => {
        queue.paused = true
        story.push(`${definition.name} paused`)
      },
      resume: () => {
        queue.paused = false
        story.push(`${definition.name} resumed`)
      },
    }
    return { queue, flow: { flow: { definition } } } as unknown as Taker
  }
  let failures = 0
  const source = {
    start: () => undefined,
    stop: async () => {
      failures -= 1
      if (failures >= 0) throw new Error('not now')
    },
  }
  const from = await readLeft(cursors)
  given.afterReading?.(rows)
  const stop = followOthers({
    cursors,
    from,
    clock,
    logger: { log: () => undefined },
    takers: new Map([
      ['orders', takerOf(orders)],
      ['bills', takerOf(bills)],
    ]),
    sources: new Map([['orders', source as never]]),
    look: [{ look: async () => undefined }],
  })
  return {
    rows,
    story,
    clock,
    stop,
    fail: (times: number) => {
      failures = times
    },
  }
}

it('follows what changed after the engine had read it and before its first look', async () => {
  const { story, clock, stop } = await rigged({
    afterReading: (rows) => {
      rows.set(pausedCursor(orders), pausedValue(true, 'b'))
      rows.set(againCursor(bills), 'c')
    },
  })
  await clock.advance('5s')
  expect(story).toEqual(['orders paused', 'bills read again'])
  stop()
})

it('follows each change once, and nothing that is as it was', async () => {
  const { rows, story, clock, stop } = await rigged()
  await clock.advance('3s')
  expect(story).toEqual([])
  rows.set(againCursor(orders), 'b')
  await clock.advance('3s')
  rows.set(pausedCursor(orders), pausedValue(true, 'c'))
  await clock.advance('3s')
  rows.set(pausedCursor(orders), pausedValue(false, 'd'))
  await clock.advance('3s')
  expect(story).toEqual(['orders read again', 'orders paused', 'orders resumed'])
  stop()
})

it('loses no other change when one cannot be followed at once', async () => {
  const { rows, story, clock, stop, fail } = await rigged()
  fail(1)
  rows.set(pausedCursor(orders), pausedValue(true, 'b'))
  rows.set(againCursor(bills), 'c')
  await clock.advance('5s')
  expect(story).toEqual(['orders paused', 'bills read again'])
  stop()
})
