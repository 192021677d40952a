import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Item {
  readonly key: string
  readonly n: number
}

const note = { note: 'by hand' }

/** A flow of two calls; what becomes of them is for the test to say. */
function twoCalls() {
  const first = fakeOperation<Item>('first.put', { kind: 'key', validFor: '1d' })
  const second = fakeOperation<Item>('second.put', { kind: 'none' })
  const save = flow('save')
    .from(inbox<Item>(), { key: (item) => item.key })
    .to('first', first)
    .to('second', second, { onUnknown: 'inDoubt' })
  return { first, second, save }
}

it('puts messages together that ended at the same step for the same cause, whatever the values in it', async () => {
  const { first, second, save } = twoCalls()
  first.when(({ input }) =>
    input.n < 4 ? { rejected: `no room for item ${input.n} in "shelf ${input.n}"` } : undefined,
  )
  second.when(({ input }) =>
    input.n === 4 ? 'reset-after' : { rejected: 'no room for item 9 in "shelf 9"' },
  )
  await using engine = await rig([save])
  const sent: string[] = []
  for (const n of [1, 2, 3, 4, 5]) {
    sent.push((await engine.send(save, { key: String(n), n })).id)
    await engine.advance('1s')
  }
  const { groups, more } = await engine.admin.causes()
  expect(more).toBe(false)
  expect(groups.map(({ state, step, ids }) => ({ state, step, ids }))).toEqual([
    { state: 'dead', step: 'first', ids: [sent[2], sent[1], sent[0]] },
    { state: 'dead', step: 'second', ids: [sent[4]] },
    { state: 'inDoubt', step: 'second', ids: [sent[3]] },
  ])
  const [largest] = groups
  expect(largest).toMatchObject({ flow: 'save', count: 3, sample: { id: sent[2] } })
  expect(largest?.cause).toContain('no room for item … in "…"')
  expect((largest?.last ?? 0) - (largest?.first ?? 0)).toBe(2_000)
})

it('has nothing of a message that goes again', async () => {
  const { first, save } = twoCalls()
  first.when(() => ({ rejected: 'no room' }))
  await using engine = await rig([save])
  const { id } = await engine.send(save, { key: 'a', n: 1 })
  await engine.advance('1s')
  expect((await engine.admin.causes()).groups).toHaveLength(1)
  first.when(() => undefined)
  await engine.during(engine.admin.redeliver({ ids: [id] }, note))
  await engine.advance('1s')
  expect((await engine.admin.causes()).groups).toEqual([])
})
