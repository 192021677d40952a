import { deepEqual } from 'node:assert/strict'
import { defineProject, env, flow, inbox, sqlite } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

// The flow knows a name.
const tariffs = httpConnection('tariffs')
const tariff = tariffs.get({
  name: 'tariff',
  path: (zone: string) => path`/zones/${zone}`,
  response: typed<{ cents: number }>(),
})

export const freight = flow('freight')
  .from(inbox<{ zone: string; kilos: number }>())
  .call('tariff', tariff, { input: (parcel) => parcel.zone, as: 'tariff' })
  .reply('price', (parcel, { tariff: { cents } }) => ({ cents: cents * parcel.kilos }))

// The project knows where it is reached.
export const project = defineProject({
  journal: sqlite('data/hub.db'),
  connections: { tariffs: { baseUrl: env('TARIFFS_URL', 'http://tariffs.default.svc.cluster.local') } },
  flows: [freight],
})

export const example = patternExample({
  flows: [freight],
  operations: { 'tariffs.tariff': () => ({ cents: 120 }) },
  input: ({ send }) => {
    send({ zone: 'islands', kilos: 3 })
  },
  outcome: async (flows) => {
    const [asked] = await flows.messages()
    deepEqual(await flows.reply(asked?.id ?? ''), { reply: { cents: 360 } })
  },
})
