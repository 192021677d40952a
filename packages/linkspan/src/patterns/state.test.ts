import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const counting = begin<{ repository: string }>().state(
  'count',
  { key: (b) => b.repository, initial: () => 0, as: 'count', for: '1d' },
  (count) => ({ state: count + 1, result: `now ${count + 1}` }),
)

async function send(around: ReturnType<typeof world>, repository: string) {
  around.records.clear()
  return run(counting, { repository }, around, { now: 500 })
}

describe('state', () => {
  it('keeps state between messages of one key', async () => {
    const around = world()
    await send(around, 'a')
    expect(await send(around, 'a')).toMatchObject({ names: { count: 'now 2' }, body: { repository: 'a' } })
    expect((await send(around, 'b')).names).toEqual({ count: 'now 1' })
    expect(around.cells.get('tested/count|a')).toEqual({ value: 2, until: 86_400_500 })
  })

  it('changes the state once however often the message is computed', async () => {
    const around = world()
    await send(around, 'a')
    expect((await run(counting, { repository: 'a' }, around)).names).toEqual({ count: 'now 1' })
    expect(around.cells.get('tested/count|a')?.value).toBe(1)
  })

  it("puts the result in the place of the body without a name, and uses the message's key without one", async () => {
    const around = world()
    const tested = begin<number>().state('sum', { initial: () => 10 }, (sum, n) => ({
      state: sum + n,
      result: { sum: sum + n },
    }))
    expect((await run(tested, 5, around, { key: 'k' })).body).toEqual({ sum: 15 })
    expect([...around.cells.keys()]).toEqual(['tested/sum|k'])
  })

  it('forgets a state of null', async () => {
    const around = world()
    const tested = begin<boolean>().state('open', { initial: () => 1 }, (n, more) => ({
      state: more ? n + 1 : null,
      result: n,
    }))
    await run(tested, true, around)
    around.records.clear()
    await run(tested, false, around)
    expect(around.cells.size).toBe(0)
  })

  it('refuses a key, an update and a state that are none', async () => {
    const key = begin<number>().state('s', { key: (n) => n as never, initial: () => 0 }, (s) => ({
      state: s,
      result: s,
    }))
    await expect(run(key, 3)).rejects.toThrow(/The key of the state "s" is a text, not 3/)
    const update = begin<number>().state('s', { initial: () => 0 }, (() => 3) as never)
    await expect(run(update, 3)).rejects.toThrow(/must answer \{ state, result \}, but it answered 3/)
    const big = begin<number>().state('s', { initial: () => 0n }, (s) => ({ state: s, result: 1 }))
    await expect(run(big, 3)).rejects.toMatchObject({ code: 'BODY_INVALID' })
    expect(() => begin().state('s', { initial: 0 } as never, () => ({ state: 0, result: 0 }))).toThrow(
      /the option initial of state\(\) must be a function, but it is 0/,
    )
  })
})
