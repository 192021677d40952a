import { expect, it } from 'vitest'
import { virtualClock } from '../testing/virtual-clock.ts'
import { createCells } from './cells.ts'
import type { Committer } from './committer.ts'

it('a change that answers later is told the time, and the next one is made from what it came to', async () => {
  const clock = virtualClock()
  const committed: (string | null)[] = []
  const committer = {
    state: ({ key }: { key: string }) => void committed.push(key),
    after: (run: () => void) => clock.defer(run),
  } as unknown as Committer
  const cells = createCells({ get: async () => null, list: async () => [] }, committer, clock)
  const made: number[] = []
  const recorder = { write: (result: number) => void made.push(result), frame: never, kept: never }
  let answer = (_at: number): void => undefined
  const asked = new Promise<number>((resolve) => {
    answer = resolve
  })
  const slow = cells.update(
    's',
    'k',
    async (present, at) => {
      const value = Number(present ?? 0) + (await asked)
      expect(at).toBe(clock.now())
      return { value, result: value }
    },
    recorder,
  )
  const next = cells.update('s', 'k', (present) => ({ value: null, result: Number(present) * 2 }), recorder)
  await clock.run()
  expect(made).toEqual([])
  answer(20)
  await clock.run()
  expect(await Promise.all([slow, next])).toEqual([20, 40])
  expect(committed).toEqual(['k', 'k'])
})

function never(): never {
  throw new Error('not here')
}
