import { describe, expect, it } from 'vitest'
import { orders } from './fixtures/orders.ts'
import { flow } from './flow.ts'
import { graph } from './graph.ts'
import { inbox } from './inbox.ts'
import { mermaid } from './mermaid.ts'

describe('mermaid', () => {
  it('draws the flow with its scopes, channels and fallback', () => {
    expect(mermaid(orders.definition)).toMatchInlineSnapshot(`
      "flowchart TD
        %% flow: orders
        n0(["inbox<br/><small>inbox · keyed · deduplicated</small>"])
        n1{{"has lines<br/><small>filter</small>"}}
        n2["accepted<br/><small>reply</small>"]
        n3["lines<br/><small>split</small>"]
        n6["once<br/><small>dedupe</small>"]
        n7["number<br/><small>state</small>"]
        n8{"speed<br/><small>choice</small>"}
        n13[["charge<br/><small>call system.charge · key</small>"]]
        n15["tell<br/><small>multicast</small>"]
        n18[("shipped<br/><small>channel</small>")]
        n19["shipped too<br/><small>publish to shipped</small>"]
        n20(("failed for good<br/><small>onError</small>"))
        subgraph g0["lines: each"]
          n4[["stock<br/><small>call system.stock.get · natural</small>"]]
          n5{{"filter-1<br/><small>filter</small>"}}
        end
        subgraph g1["speed: express #34;now#34;"]
          n9["watch<br/><small>tap</small>"]
          subgraph g2["watch: copy"]
            n10["seen<br/><small>map</small>"]
          end
        end
        subgraph g3["speed: large"]
          n11["cool down<br/><small>delay 5m</small>"]
          n12["map-1<br/><small>map</small>"]
        end
        subgraph g4["charge: on failure"]
          n14["on account<br/><small>map</small>"]
        end
        subgraph g5["tell: customer"]
          n16[["mail<br/><small>to system.mail · none</small>"]]
        end
        subgraph g6["tell: warehouse #60;b#62;"]
          n17["ship<br/><small>publish to shipped</small>"]
        end
        subgraph g7["on failure"]
          n21[["sorry<br/><small>to system.mail · none</small>"]]
        end
        n0 --> n1
        n1 --> n2
        n2 --> n3
        n3 -.->|"each"| n4
        n4 --> n5
        n3 --> n6
        n6 --> n7
        n7 --> n8
        n8 -->|"express #34;now#34;"| n9
        n9 -.->|"copy"| n10
        n8 -->|"large"| n11
        n11 --> n12
        n8 --> n13
        n9 --> n13
        n12 --> n13
        n13 -.->|"on failure"| n14
        n13 --> n15
        n14 --> n15
        n15 -.->|"customer"| n16
        n15 -.->|"warehouse #60;b#62;"| n17
        n17 -.-> n18
        n15 --> n19
        n19 -.-> n18
        n20 -.->|"on failure"| n21
      "
    `)
  })

  it('escapes what Mermaid would read', () => {
    const odd = flow('odd')
      .from(inbox<number>())
      .map('say "hi" <b>#1;<b> `x` a&b', (n) => n)
    const line = mermaid(odd.definition)
      .split('\n')
      .find((each) => each.includes('n1['))
    expect(line).toBe(
      '  n1["say #34;hi#34; #60;b#62;#35;1#59;#60;b#62; #96;x#96; a#38;b<br/><small>map</small>"]',
    )
  })
})

describe('graph', () => {
  const drawn = graph(orders.definition)
  const idOf = (label: string) => drawn.nodes.find((node) => node.label === label)!.id
  const out = (label: string) => drawn.edges.filter(({ from }) => from === idOf(label))

  it('is plain data', () => {
    expect(JSON.parse(JSON.stringify(drawn))).toEqual(drawn)
  })

  it('has a box for each step, with its path and guarantee', () => {
    expect(drawn.nodes.flatMap(({ path }) => path ?? [])).toEqual([...orders.code.keys()])
    expect(drawn.nodes.find(({ path }) => path === 'lines/stock')).toMatchObject({
      guarantee: 'natural',
      detail: 'call system.stock.get · natural',
    })
  })

  it('lets a message past a choice without otherwise, and joins its branches behind it', () => {
    expect(out('speed').map(({ to, label }) => [to, label])).toEqual([
      [idOf('watch'), 'express "now"'],
      [idOf('cool down'), 'large'],
      [idOf('charge'), ''],
    ])
    expect(drawn.edges.filter(({ to }) => to === idOf('charge')).map(({ from }) => from)).toEqual([
      idOf('speed'),
      idOf('watch'),
      idOf('map-1'),
    ])
  })

  it('leads an empty branch on by its label, and no way past a choice with otherwise', () => {
    const both = flow('both')
      .from(inbox<number>())
      .choice('c', (c) =>
        c
          .when(
            'odd',
            (n) => n % 2 === 1,
            (s) => s.map((n) => n),
          )
          .otherwise((s) => s),
      )
      .map('end', (n) => n)
    const edges = graph(both.definition).edges.map(({ from, to, label }) => `${from}-${label}-${to}`)
    expect(edges).toEqual(['n0--n1', 'n1-odd-n2', 'n2--n3', 'n1-otherwise-n3'])
  })

  it('draws a channel once', () => {
    expect(drawn.edges.filter(({ to }) => to === idOf('shipped')).map(({ from }) => from)).toEqual([
      idOf('ship'),
      idOf('shipped too'),
    ])
  })
})
