import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Page {
  readonly names: readonly string[]
  readonly next: string | null
}

const registry = httpConnection('registry')
const pageOf = registry.get({
  name: 'page',
  path: (cursor: string) => path`/ships/${cursor}`,
  response: typed<Page>(),
})

interface Collected {
  readonly names: readonly string[]
  readonly next: string | null
}

// Reads page after page until there is no next one.
export const listShips = flow('list ships')
  .from(inbox<{ from: string }>())
  .map('nothing yet', ({ from }): Collected => ({ names: [], next: from }))
  .loop('pages', { while: (all) => all.next !== null, most: 100 }, (turn) =>
    turn
      .call('page', pageOf, { input: (all) => all.next ?? '', as: 'page' })
      .map('add', (all, { page }): Collected => ({ names: [...all.names, ...page.names], next: page.next })),
  )
  .reply('ships', ({ names }) => names)

export const example = patternExample({
  flows: [listShips],
  operations: {
    'registry.page': (cursor: string): Page =>
      cursor === 'first' ? { names: ['Astarte'], next: 'second' } : { names: ['Baal'], next: null },
  },
  input: ({ send }) => {
    send({ from: 'first' })
  },
  outcome: async (flows) => {
    deepEqual(flows.sent('registry.page'), ['first', 'second'])
    const [message] = await flows.messages()
    deepEqual(await flows.reply(message?.id ?? ''), { reply: ['Astarte', 'Baal'] })
  },
})
