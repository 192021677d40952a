import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Line {
  readonly article: string
  readonly from: 'stock' | 'supplier'
}

const warehouse = httpConnection('warehouse')
const supplier = httpConnection('supplier')
const response = typed<{ days: number }>()
const inStock = warehouse.get({ name: 'days', path: (l: Line) => path`/articles/${l.article}`, response })
const ordered = supplier.get({ name: 'days', path: (l: Line) => path`/delivery/${l.article}`, response })

export const deliveryDate = flow('delivery date')
  .from(inbox<{ id: string; lines: Line[] }>())
  .split(
    'lines',
    (order) => order.lines,
    (line) =>
      line.choice('from', (c) =>
        c
          .when(
            'stock',
            (l) => l.from === 'stock',
            (l) => l.call('warehouse', inStock),
          )
          .otherwise((l) => l.call('supplier', ordered)),
      ),
    {
      join: { as: 'days', initial: () => 0, add: (most, { days }) => Math.max(most, days) },
      stopOnError: true,
    },
  )
  .reply('answer', (order, { days }) => ({ order: order.id, days }))

export const example = patternExample({
  flows: [deliveryDate],
  operations: { 'warehouse.days': () => ({ days: 1 }), 'supplier.days': () => ({ days: 9 }) },
  input: ({ send }) => {
    send({
      id: 'a',
      lines: [
        { article: 'rope', from: 'stock' },
        { article: 'mast', from: 'supplier' },
      ],
    })
  },
  outcome: async (flows) => {
    const [order] = await flows.messages()
    deepEqual(await flows.reply(order?.id ?? ''), { reply: { order: 'a', days: 9 } })
  },
})
