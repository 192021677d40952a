import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Berth {
  readonly free: boolean
}

interface Ship {
  readonly name: string
  readonly wanted: readonly string[]
  readonly berth: string | null
}

const port = httpConnection('port')
const ask = port.get({
  name: 'berth',
  path: (berth: string) => path`/berths/${berth}`,
  response: typed<Berth>(),
})

// Tries one berth after the other: what an office answered decides where the ship goes next.
export const findBerths = flow('find berths')
  .from(inbox<Ship>(), { key: ({ name }) => name })
  .dynamicRouter(
    'next berth',
    ({ wanted, berth }) => (berth !== null || wanted.length === 0 ? null : 'try it'),
    (r) =>
      r.branch('try it', (s) =>
        s
          .call('ask', ask, { input: ({ wanted }) => wanted[0] ?? '', as: 'answer' })
          .map('taken or not', (ship, { answer }): Ship => {
            const [first = null, ...left] = ship.wanted
            return { ...ship, wanted: left, berth: answer.free ? first : null }
          }),
      ),
  )
  .reply('found', ({ berth }) => berth)

export const example = patternExample({
  flows: [findBerths],
  operations: { 'port.berth': (berth: string): Berth => ({ free: berth === 'b2' }) },
  input: ({ send }) => {
    send({ name: 'Astarte', wanted: ['b1', 'b2', 'b3'], berth: null })
  },
  outcome: async (flows) => {
    deepEqual(flows.sent('port.berth'), ['b1', 'b2'])
    const [message] = await flows.messages()
    deepEqual(await flows.reply(message?.id ?? ''), { reply: 'b2' })
  },
})
