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

export const example = patternExample({
  flows: [render],
  input: ({ send }) => {
    for (const id of ['a', 'b', 'c']) send({ id })
  },
  outcome: async (flows) => {
    deepEqual([flows.applied('large.render').length, flows.applied('small.render').length], [2, 1])

    // Whose turn it is survives a crash.
    flows.crash()
    await flows.restart()
    for (const id of ['d', 'e', 'f']) await flows.send({ id })
    await flows.run()
    deepEqual([flows.applied('large.render').length, flows.applied('small.render').length], [4, 2])
  },
})
