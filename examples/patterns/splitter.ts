import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Line {
  readonly article: string
  readonly count: number
}

const warehouse = httpConnection('warehouse')
const reserve = warehouse.post({
  name: 'reserve',
  path: (line: Line) => path`/articles/${line.article}/reservations`,
  body: ({ count }: Line) => ({ count }),
  guarantee: { kind: 'key', validFor: '24h' },
})

export const reserveLines = flow('reserve lines')
  .from(inbox<{ id: string; lines: Line[] }>(), { key: (order) => order.id })
  .split(
    'lines',
    (order) => order.lines,
    (line) => line.to('reserve', reserve).map('count', (l) => l.count),
    { join: { as: 'pieces', initial: () => 0, add: (sum, count) => sum + count } },
  )
  .reply('reserved', (order, { pieces }) => ({ order: order.id, pieces }))

export const example = patternExample({
  flows: [reserveLines],
  input: ({ send }) => {
    send({
      id: 'a',
      lines: [
        { article: 'rope', count: 2 },
        { article: 'sail', count: 1 },
      ],
    })
  },
  outcome: async (flows) => {
    const reserved = flows.applied('warehouse.reserve') as Line[]
    deepEqual(reserved.map((line) => line.article).sort(), ['rope', 'sail'])
    const [order] = await flows.messages()
    deepEqual(await flows.reply(order?.id ?? ''), { reply: { order: 'a', pieces: 3 } })
  },
})
