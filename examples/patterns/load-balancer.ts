import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Film {
  readonly id: string
}

const large = httpConnection('large')
const small = httpConnection('small')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = (film: Film) => film
const renderLarge = large.post({ name: 'render', path: '/films', body, guarantee })
const renderSmall = small.post({ name: 'render', path: '/films', body, guarantee })

// One key for all: so it is known who comes first, which the outcome below needs.
export const render = flow('render')
  .from(inbox<Film>(), { key: () => 'in order' })
  .loadBalance('farm', (b) =>
    b
      .target('large', (s) => s.to('render', renderLarge), { weight: 2 })
      .target('small', (s) => s.to('render', renderSmall)),
  )

const first = httpConnection('first')
const second = httpConnection('second')
const text = ({ id }: Film) => ({ text: `The film ${id} is rendered.` })
const tellFirst = first.post({ name: 'tell', path: '/messages', body: text, guarantee })
const tellSecond = second.post({ name: 'tell', path: '/messages', body: text, guarantee })

// What the first gateway rejects goes to the second. One that only does not answer now is tried again, not left.
export const told = flow('told')
  .from(inbox<Film>())
  .loadBalance(
    'gateways',
    (b) =>
      b.target('first', (s) => s.to('tell', tellFirst)).target('second', (s) => s.to('tell', tellSecond)),
    { by: { failover: { errors: ['CALL_REJECTED'] } } },
  )

export const example = patternExample({
  flows: [render, told],
  input: ({ send, sendTo, fake }) => {
    fake('first.tell').when(({ input }) =>
      (input as Film).id === 'b' ? { rejected: 'such films are not ours' } : undefined,
    )
    for (const id of ['a', 'b', 'c']) send({ id })
    for (const id of ['a', 'b']) sendTo(told, { id })
  },
  outcome: async (flows) => {
    deepEqual([flows.applied('first.tell'), flows.applied('second.tell')], [[{ id: 'a' }], [{ id: 'b' }]])
    deepEqual([flows.applied('large.render').length, flows.applied('small.render').length], [2, 1])

    // Whose turn it is survives a crash.
    flows.crash()
    await flows.restart()
    for (const id of ['d', 'e', 'f']) await flows.send({ id })
    await flows.run()
    deepEqual([flows.applied('large.render').length, flows.applied('small.render').length], [4, 2])
  },
})
