import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Container {
  readonly id: string
  readonly slip: readonly string[]
  readonly seals: readonly string[]
}

const port = httpConnection('port')
const inspect = port.post({
  name: 'inspect',
  path: (id: string) => path`/containers/${id}/inspections`,
  body: (id: string) => ({ id }),
  guarantee: { kind: 'key', validFor: '24h' },
})

const sealed = (container: Container, by: string): Container => ({
  ...container,
  seals: [...container.seals, by],
})

// Each container carries the list of the offices that it has to come through.
export const clearContainers = flow('clear containers')
  .from(inbox<Container>(), { key: ({ id }) => id })
  .routingSlip(
    'offices',
    ({ slip }) => slip,
    (s) =>
      s
        .branch('weigh', (b) => b.map('weighed', (container) => sealed(container, 'weigh')))
        .branch('inspect', (b) =>
          b
            .to('inspection', inspect, { input: ({ id }) => id })
            .map('inspected', (container) => sealed(container, 'inspect')),
        ),
  )
  .reply('cleared', ({ id, seals }) => ({ id, seals }))

export const example = patternExample({
  flows: [clearContainers],
  input: ({ send }) => {
    send({ id: 'c1', slip: ['weigh', 'inspect', 'weigh'], seals: [] })
    send({ id: 'c2', slip: [], seals: [] })
  },
  outcome: async (flows) => {
    deepEqual(flows.sent('port.inspect'), ['c1'])
    const [first, second] = await flows.messages()
    deepEqual(await flows.reply(first?.id ?? ''), {
      reply: { id: 'c1', seals: ['weigh', 'inspect', 'weigh'] },
    })
    deepEqual(await flows.reply(second?.id ?? ''), { reply: { id: 'c2', seals: [] } })
  },
})
