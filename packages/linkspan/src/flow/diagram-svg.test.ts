import { describe, expect, it } from 'vitest'
import { svg } from './diagram-svg.ts'
import { orders } from './fixtures/orders.ts'
import { flow } from './flow.ts'
import { inbox } from './inbox.ts'

/** The numbers of an attribute's boxes, to see what lies where. */
function boxes(picture: string): { label: string; x: number; y: number; width: number; height: number }[] {
  const found = picture.matchAll(
    /<g><title>([^<]*) \([^<]*<\/title><rect class="box[^"]*" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g,
  )
  return [...found].map(([, label, x, y, width, height]) => ({
    label: label!,
    x: Number(x),
    y: Number(y),
    width: Number(width),
    height: Number(height),
  }))
}

describe('svg', () => {
  const picture = svg(orders.definition)

  it('draws a box for each step, and no two over each other', () => {
    const all = boxes(picture)
    expect(all.map(({ label }) => label)).toEqual(
      expect.arrayContaining(['has lines', 'stock', 'seen', 'shipped', 'sorry']),
    )
    for (const [index, a] of all.entries())
      for (const b of all.slice(index + 1)) {
        const apart =
          a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
        expect(apart, `${a.label} lies over ${b.label}`).toBe(true)
      }
  })

  it('keeps everything within the page', () => {
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(picture)!.map(Number)
    for (const box of boxes(picture)) {
      expect(box.x).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width).toBeLessThanOrEqual(width!)
      expect(box.y + box.height).toBeLessThanOrEqual(height!)
    }
  })

  it('escapes and clips texts', () => {
    expect(picture).toContain('warehouse &lt;b&gt;')
    expect(picture).toContain('express &quot;now&quot;')
    expect(picture).toContain('orders: Take, charge &amp; ship')
    const odd = svg(
      flow('odd')
        .from(inbox<number>())
        .map(`<script>${'x'.repeat(80)}`, (n) => n).definition,
    )
    expect(odd).not.toContain('<script>')
    expect(odd).toContain('…</text>')
  })

  it('draws a flow without steps', () => {
    expect(boxes(svg(flow('empty').from(inbox<number>()).definition))).toHaveLength(1)
  })

  it('draws the same picture each time', () => {
    const small = flow('small')
      .from(inbox<number>(), { key: (n) => n })
      .map('one', (n) => n)
    expect(svg(small.definition)).toMatchInlineSnapshot(`
      "<svg xmlns="http://www.w3.org/2000/svg" width="168" height="192" viewBox="0 0 168 192" role="img" aria-label="small" font-family="system-ui, sans-serif">
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>
      <style>
      .page{fill:#fff}.title{font-size:15px;font-weight:600;fill:#1f2933}
      .box{fill:#fff;stroke:#829ab1;stroke-width:1.2}.source{fill:#e3f8ff;stroke:#2186eb}.effect{fill:#fff3e0;stroke:#de911d}
      .scope{fill:#f3ebff;stroke:#8662c7}.stateful{fill:#e6fcf5;stroke:#3ebd93}.channel{fill:#f0f4f8;stroke:#52606d}.failure{fill:#ffe3e3;stroke:#d64545}
      .frame{fill:#627d98;fill-opacity:.05;stroke:#bcccdc;stroke-dasharray:4 3}
      .name{font-size:13px;font-weight:600;fill:#1f2933;text-anchor:middle}.detail{font-size:11px;fill:#52606d;text-anchor:middle}
      .label{font-size:11px;fill:#334e68}.way{fill:none;stroke:#52606d;stroke-width:1.2}.aside{stroke-dasharray:5 3}
      </style>
      <rect class="page" width="168" height="192"/>
      <text class="title" x="24" y="32">small</text>
      <g><title>inbox (inbox · keyed)</title><rect class="box source" x="24" y="54" width="120" height="44" rx="22"/>
      <text class="name" x="84" y="73">inbox</text>
      <text class="detail" x="84" y="89">inbox · keyed</text></g>
      <path class="way" d="M84 98L84 124" marker-end="url(#tip)"/>
      <g><title>one (map)</title><rect class="box " x="24" y="124" width="120" height="44" rx="6"/>
      <text class="name" x="84" y="143">one</text>
      <text class="detail" x="84" y="159">map</text></g>
      </svg>
      "
    `)
  })
})
