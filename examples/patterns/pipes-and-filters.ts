import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Ship {
  readonly name: string
  readonly tons: number
}

const registry = httpConnection('registry')
const register = registry.put({
  name: 'register',
  path: (ship: Ship) => path`/ships/${ship.name}`,
  body: (ship: Ship) => ship,
})

export const registerShips = flow('register ships')
  .from(inbox<string>())
  .map('fields', (line) => line.split(';').map((field) => field.trim()))
  .filter('complete', (fields) => fields.length === 2)
  .map('ship', ([name = '', tons = '']) => ({ name, tons: Number(tons) }))
  .to('register', register)

export const example = patternExample({
  flows: [registerShips],
  input: ({ send }) => {
    send('Astarte; 1200')
    send('a line without fields')
  },
  outcome: (flows) => {
    deepEqual(flows.applied('registry.register'), [{ name: 'Astarte', tons: 1200 }])
  },
})
