import { flow, route } from 'linkspan'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { rig } from './rig.ts'

const orders = flow('orders').from(
  route.post('/orders', { schema: z.any().transform((order: { lines: string }) => order.lines.split(',')) }),
)

it('what a schema stumbles over is the fault of the body, over HTTP and from inside', async () => {
  await using engine = await rig([orders])
  const send = engine.engine.fetch(
    new Request('http://x/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"lines":7}',
    }),
  )
  const response = await engine.during(send)
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({ code: 'BODY_INVALID' })
  await expect(engine.send(orders, { lines: 7 } as never)).rejects.toMatchObject({ code: 'BODY_INVALID' })
})
