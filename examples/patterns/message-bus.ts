import { deepEqual, equal } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

// The model that all applications share. None of them knows another.
const person = z.object({ id: z.string(), name: z.string(), email: z.email() })
type Person = z.infer<typeof person>
const people = channel('people', { kind: 'topic', schema: person })

const crm = httpConnection('crm')
const save = crm.put({
  name: 'save',
  path: ({ id }: Person) => path`/contacts/${id}`,
  body: (p: Person) => p,
})

export const fromShop = flow('people from the shop')
  .from(inbox<{ customer: number; first: string; last: string; mail: string }>(), { key: (c) => c.customer })
  .publish('person', people, {
    body: (c) => ({ id: `shop-${c.customer}`, name: `${c.first} ${c.last}`, email: c.mail }),
  })

export const toCrm = flow('people to the CRM')
  .from(people, { key: (p) => p.id })
  .to('save', save)

export const example = patternExample({
  flows: [fromShop, toCrm],
  input: ({ send }) => {
    send({ customer: 1, first: 'Ada', last: 'Lovelace', mail: 'ada@example.org' })
    send({ customer: 2, first: 'Nobody', last: '', mail: 'no address' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('crm.save'), [{ id: 'shop-1', name: 'Ada Lovelace', email: 'ada@example.org' }])
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'BODY_INVALID')
  },
})
