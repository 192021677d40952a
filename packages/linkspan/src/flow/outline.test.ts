import { expect, it } from 'vitest'
import { orders } from './fixtures/orders.ts'
import { flow } from './flow.ts'
import { inbox } from './inbox.ts'
import { outline } from './outline.ts'

it('draws the flow as a tree, with its scopes and its fallback', () => {
  expect(outline(orders.definition)).toMatchInlineSnapshot(`
    "orders
    from inbox · keyed · deduplicated
    ├─ has lines  filter
    ├─ accepted  reply
    ├─ lines  split
    │  ├─ stock  call system.stock.get · natural
    │  └─ filter-1  filter
    ├─ once  dedupe
    ├─ number  state
    ├─ speed  choice
    │  ├─ express "now":
    │  │  └─ watch  tap
    │  │     └─ seen  map
    │  └─ large:
    │     ├─ cool down  delay 5m
    │     └─ map-1  map
    ├─ charge  call system.charge · key
    │  └─ on failure:
    │     └─ on account  map
    ├─ tell  multicast
    │  ├─ customer:
    │  │  └─ mail  to system.mail · none
    │  └─ warehouse <b>:
    │     └─ ship  publish to shipped
    ├─ shipped too  publish to shipped
    └─ failed for good (onError)
       └─ sorry  to system.mail · none
    "
  `)
})

it('keeps each step on one line', () => {
  const broken = flow('broken')
    .from(inbox<string>())
    .map('two words', (text) => text)
  expect(outline(broken.definition).split('\n')).toHaveLength(4)
})
