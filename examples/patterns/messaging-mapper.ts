import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

/** The application's own object: it knows nothing of messages. */
class Voyage {
  readonly ship: string
  readonly days: number
  constructor(ship: string, days: number) {
    this.ship = ship
    this.days = days
  }
  cost(perDay: number): number {
    return this.days * perDay
  }
}

/** What travels: plain data. */
const logged = z.object({ ship: z.string(), left: z.iso.date(), back: z.iso.date() })
type Logged = z.infer<typeof logged>
const toVoyage = ({ ship, left, back }: Logged): Voyage =>
  new Voyage(ship, (Date.parse(back) - Date.parse(left)) / 86_400_000)
const toRow = (voyage: Voyage) => ({ ship: voyage.ship, cents: voyage.cost(25_000) })
type Row = ReturnType<typeof toRow>

const books = httpConnection('books')
const enter = books.put({
  name: 'enter',
  path: ({ ship }: Row) => path`/costs/${ship}`,
  body: (row: Row) => row,
})

export const costs = flow('costs of voyages')
  .from(inbox(logged), { key: (one) => one.ship })
  .map('row', (one) => toRow(toVoyage(one)))
  .to('enter', enter)

export const example = patternExample({
  flows: [costs],
  input: ({ send }) => {
    send({ ship: 'Astarte', left: '2026-03-01', back: '2026-03-05' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('books.enter'), [{ ship: 'Astarte', cents: 100_000 }])
  },
})
