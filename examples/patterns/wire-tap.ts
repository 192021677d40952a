import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Transfer {
  readonly id: string
  readonly cents: number
}

const bank = httpConnection('bank')
const audit = httpConnection('audit')
const guarantee = { kind: 'key', validFor: '24h' } as const
const transfer = bank.post({ name: 'transfer', path: '/transfers', body: (t: Transfer) => t, guarantee })
const note = audit.post({ name: 'note', path: '/entries', body: (t: Transfer) => t, guarantee })

export const transfers = flow('transfers')
  .from(inbox<Transfer>(), { key: (t) => t.id })
  .tap('audit', (copy) => copy.filter('large', (t) => t.cents > 1_000_000).to('note', note))
  .to('transfer', transfer)

export const example = patternExample({
  flows: [transfers],
  input: ({ send }) => {
    send({ id: 'a', cents: 50 })
    send({ id: 'b', cents: 2_000_000 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('audit.note'), [{ id: 'b', cents: 2_000_000 }])

    // The auditor is away for good: the transfers go on.
    flows.fake('audit.note').when(() => ({ rejected: 'closed' }))
    await flows.send({ id: 'c', cents: 3_000_000 })
    await flows.run()
    deepEqual(
      (await flows.messages()).map(({ state }) => state),
      ['done', 'done', 'done'],
    )
    deepEqual(flows.applied('bank.transfer').length, 3)
  },
})
