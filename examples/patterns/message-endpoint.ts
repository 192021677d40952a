import { deepEqual, rejects } from 'node:assert/strict'
import { flow, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const arrival = z.object({ ship: z.string(), berth: z.number() })

const board = httpConnection('board')
const announce = board.post({
  name: 'announce',
  path: '/lines',
  body: (text: string) => ({ text }),
  guarantee: { kind: 'key', validFor: '24h' },
})

// The source is one endpoint, the operation the other; what is between them knows neither HTTP nor the systems.
export const arrivals = flow('arrivals')
  .from(route.post('/arrivals', { schema: arrival }), { key: (a) => a.ship })
  .to('announce', announce, { input: (a) => `${a.ship} at berth ${a.berth}` })

export const example = patternExample({
  flows: [arrivals],
  input: ({ send }) => {
    send({ ship: 'Astarte', berth: 4 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('board.announce'), ['Astarte at berth 4'])
    await rejects(flows.send({ ship: 'Astarte', berth: Number.NaN }), { code: 'BODY_INVALID' })
  },
})
