import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Temperature {
  readonly station: string
  readonly celsius: number
}

type Report =
  | { readonly format: 'old'; readonly line: string }
  | { readonly format: 'american'; readonly station: string; readonly fahrenheit: number }
  | { readonly format: 'new'; readonly reading: Temperature }

const weather = httpConnection('weather')
const add = weather.post({
  name: 'add',
  path: '/temperatures',
  body: (temperature: Temperature) => temperature,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const temperatures = flow('temperatures')
  .from(inbox<Report>())
  .choice('format', (c) =>
    c
      .when(
        'old',
        (r) => r.format === 'old',
        (old) =>
          old.map('from a line', ({ line }): Temperature => {
            const [station = '', celsius] = line.split(' ')
            return { station, celsius: Number(celsius) }
          }),
      )
      .when(
        'american',
        (r) => r.format === 'american',
        (american) =>
          american.map(
            'from Fahrenheit',
            (r): Temperature => ({
              station: r.station,
              celsius: Math.round(((r.fahrenheit - 32) * 5) / 9),
            }),
          ),
      )
      .otherwise((present) => present.map('as it is', (r): Temperature => r.reading)),
  )
  .to('add', add)

export const example = patternExample({
  flows: [temperatures],
  input: ({ send }) => {
    send({ format: 'old', line: 'north 4' })
    send({ format: 'american', station: 'south', fahrenheit: 68 })
    send({ format: 'new', reading: { station: 'west', celsius: 11 } })
  },
  outcome: (flows) => {
    const stations = (flows.applied('weather.add') as Temperature[]).map((t) => `${t.station} ${t.celsius}`)
    deepEqual(stations, ['north 4', 'south 20', 'west 11'])
  },
})
