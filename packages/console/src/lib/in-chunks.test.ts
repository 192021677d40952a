import { expect, it } from 'vitest'
import { inChunks, oneByOne } from './in-chunks.ts'

const ids = Array.from({ length: 25 }, (_, n) => `m${n}`)
const going = (): AbortSignal => new AbortController().signal

it('acts on a second’s worth at a time, and adds up', async () => {
  const seen: number[] = []
  const told: number[] = []
  const act = async (part: readonly string[]) => {
    seen.push(part.length)
    return { done: part.length - 1, refused: [{ id: part[0] ?? '', error: { message: 'no' } }] }
  }
  const outcome = await inChunks(ids, 10, act, { signal: going(), progress: (done) => told.push(done) })
  expect(seen).toEqual([10, 10, 5])
  expect(told).toEqual([10, 20, 25])
  expect(outcome).toMatchObject({ done: 22, stopped: false })
  expect(outcome.refused.map(({ id }) => id)).toEqual(['m0', 'm10', 'm20'])
})

it('begins nothing more once it is stopped', async () => {
  const stopper = new AbortController()
  const seen: string[] = []
  const act = async (part: readonly string[]) => {
    seen.push(...part)
    if (seen.length >= 10) stopper.abort()
    return { done: part.length, refused: [] }
  }
  const outcome = await inChunks(ids, 5, act, { signal: stopper.signal, progress: () => undefined })
  expect(seen).toEqual(ids.slice(0, 10))
  expect(outcome).toEqual({ done: 10, refused: [], stopped: true })
})

it('counts on from the chunks before', async () => {
  const told: number[] = []
  const act = async (part: readonly string[], progress: (done: number, total: number) => void) => {
    progress(1, part.length)
    return { done: part.length, refused: [] }
  }
  await inChunks(ids.slice(0, 4), 2, act, { signal: going(), progress: (done) => told.push(done) })
  expect(told).toEqual([1, 2, 3, 4])
})

it('goes on behind one that is refused', async () => {
  const outcome = await oneByOne(['a', 'b', 'c'], async (id) => {
    if (id === 'b') throw new Error('It ended meanwhile.')
  })
  expect(outcome).toEqual({ done: 2, refused: [{ id: 'b', error: { message: 'It ended meanwhile.' } }] })
})
