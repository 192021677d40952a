import { deepEqual } from 'node:assert/strict'
import { type AcceptsOf, flow, inbox, type RepliesOf } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

const customs = httpConnection('customs')
const duty = customs.get({
  name: 'duty',
  path: (code: string) => path`/tariffs/${code}`,
  response: typed<{ percent: number }>(),
})

export const assess = flow('assess')
  .from(inbox<{ code: string; cents: number }>())
  .call('duty', duty, { input: (goods) => goods.code, as: 'duty' })
  .reply('assessed', (goods, { duty: { percent } }) => ({ cents: Math.round((goods.cents * percent) / 100) }))

type Assess = (goods: AcceptsOf<typeof assess>) => Promise<RepliesOf<typeof assess>>

/** What the application sees. It is made by `customsOffice((goods) => engine.request(assess, goods, { timeout: '10s' }))`. */
export function customsOffice(request: Assess) {
  return { dutyOn: async (code: string, cents: number) => (await request({ code, cents })).cents }
}

export const example = patternExample({
  flows: [assess],
  operations: { 'customs.duty': () => ({ percent: 19 }) },
  input: ({ send }) => {
    send({ code: '8901', cents: 1000 })
  },
  outcome: async (flows) => {
    const office = customsOffice((goods) => flows.request(goods))
    deepEqual(await office.dutyOn('8901', 20_000), 3800)
  },
})
