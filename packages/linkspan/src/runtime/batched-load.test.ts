import { expect, it } from 'vitest'
import type { StoredMessage } from '../journal/journal.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { batchedLoad } from './batched-load.ts'

function rigged(damaged: readonly number[] = []) {
  const clock = virtualClock()
  const asked: (readonly number[])[] = []
  const load = batchedLoad(
    {
      async load(seqs) {
        asked.push(seqs)
        const bad = seqs.find((seq) => damaged.includes(seq))
        if (bad !== undefined) throw new Error(`${bad} is damaged`)
        return seqs.filter((seq) => seq < 1_000).map((seq) => ({ seq }) as StoredMessage)
      },
    },
    clock,
  )
  return { asked, load: (...seqs: number[]) => clock.during(Promise.allSettled(seqs.map(load))) }
}

const seqsOf = (settled: readonly PromiseSettledResult<StoredMessage | null>[]) =>
  settled.map((each) => (each.status === 'fulfilled' ? (each.value?.seq ?? null) : String(each.reason)))

it('reads together what is wanted in one turn, and tells each of its own', async () => {
  const { asked, load } = rigged()
  expect(seqsOf(await load(3, 1, 3, 2_000))).toEqual([3, 1, 3, null])
  expect(asked).toEqual([[3, 1, 2_000]])
  expect(seqsOf(await load(7))).toEqual([7])
  expect(asked).toEqual([[3, 1, 2_000], [7]])
})

it('reads no more than so many at once', async () => {
  const { asked, load } = rigged()
  await load(...Array.from({ length: 130 }, (_, at) => at))
  expect(asked.map(({ length }) => length)).toEqual([64, 64, 2])
})

it('refuses a damaged one and no other that was read with it', async () => {
  const { load } = rigged([2])
  expect(seqsOf(await load(1, 2, 3))).toEqual([1, 'Error: 2 is damaged', 3])
})
