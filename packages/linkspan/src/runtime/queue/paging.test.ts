import { expect, it } from 'vitest'
import type { BacklogEntry } from '../../journal/journal.ts'
import { createPaging } from './paging.ts'
import { createReads } from './reads.ts'
import { createWindow } from './window.ts'

/** A paging whose marks are put on record when the test says so. */
function rigged() {
  const told: { readonly to: number; readonly kept: PromiseWithResolvers<void> }[] = []
  const paging = createPaging({
    flow: 'orders',
    backlog: {} as never,
    window: createWindow({ concurrency: 1, window: 1 } as never),
    reads: createReads(),
    page: 2,
    lastSeq: 0,
    runs: () => false,
    beginning: (to) => {
      const kept = Promise.withResolvers<void>()
      told.push({ to, kept })
      return kept.promise
    },
    place: () => undefined,
    pump: () => undefined,
    again: () => undefined,
  })
  const tell = (seq: number): Promise<void> => paging.tellBegun([{ seq } as BacklogEntry])
  return { told, tell }
}

it('tells again what may be begun with when two that were told together both failed', async () => {
  const { told, tell } = rigged()
  const both = Promise.allSettled([tell(10), tell(20)])
  for (const { kept } of told) kept.reject(new Error('no room'))
  await both
  let begun = false
  const again = tell(10).then(() => {
    begun = true
  })
  await Promise.resolve()
  expect(told.map(({ to }) => to)).toEqual([10, 20, 10])
  expect(begun).toBe(false)
  told.at(-1)?.kept.resolve()
  await again
})

it('tells once what is on record, and waits for what is on its way there', async () => {
  const { told, tell } = rigged()
  const first = tell(10)
  const second = tell(5)
  told[0]?.kept.resolve()
  await Promise.all([first, second])
  await tell(10)
  expect(told.map(({ to }) => to)).toEqual([10])
})
