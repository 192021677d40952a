import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { rig } from './rig.ts'

/** Numbers may repeat, as the operation allows, but never go back. */
it('a message of a key begins only after the end of the one before is durable, whenever the engine is killed', async () => {
  let crashes = 0
  for (const fate of ['lost-before', 'lost-after'] as const) {
    for (let at = 1; at <= 10; at += 1) {
      const put = fakeOperation<number>('store.put', { kind: 'natural' })
      const save = flow('save')
        .from(inbox<number>(), { key: () => 'one' })
        .to('put', put)
      let left = Number.POSITIVE_INFINITY
      await using engine = await rig([save], { onCommit: () => (--left === 0 ? fate : 'ok') })
      const sends = [1, 2, 3, 4].map((n) => engine.engine.send(save, n).catch(() => undefined))
      left = at
      await engine.advance('1s')
      if (left <= 0) {
        crashes += 1
        engine.crash()
        await engine.start()
        await engine.advance('1m')
      } else await Promise.all(sends)
      const order = put.effects.map(({ input }) => input)
      const what = `${fate} at commit ${at}`
      expect(order, what).toEqual(order.toSorted((a, b) => a - b))
      expect(
        (await engine.states()).every((state) => state === 'done'),
        what,
      ).toBe(true)
    }
  }
  expect(crashes).toBeGreaterThan(5)
})
