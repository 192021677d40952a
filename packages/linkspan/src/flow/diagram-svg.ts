import { type FlowDefinition, type ScopeNode, type StepNode, stepPath } from '../model/flow-definition.ts'
import { patternsByKind } from '../patterns/index.ts'
import { FLOW_FALLBACK } from '../patterns/pattern.ts'
import { drawnAs, type GraphEdge, passesBy, scopeRole, sourceDetail, stepDetail } from './graph.ts'
import { clipped, escapeXml, textWidth } from './svg-text.ts'

/** A part of the drawing with its size; messages come in at the top and leave at the bottom, both at `spine`. */
interface Block {
  readonly width: number
  readonly height: number
  /** Where the message's way runs, from the left. */
  readonly spine: number
  draw(x: number, y: number): string
}

const BOX_HEIGHT = 44
const MIN_BOX = 120
const PADDING = 14
const DOWN = 26
const ASIDE = 56
const FRAME = 14
const TITLE = 20
const MARGIN = 24

/**
 * A flow as an SVG picture that stands alone: boxes for steps, frames for scopes, arrows for the ways of messages.
 *
 * @example
 * ```ts
 * import { flow, inbox, svg } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
 * const picture: string = svg(greet.definition)
 * ```
 */
export function svg(definition: FlowDefinition): string {
  const { name, summary, source, steps, fallback } = definition
  const start = box(source.name, sourceDetail(source), 'source')
  const main = sequence([start, ...stepBlocks(steps, '')])
  const parts = fallback === null ? [main] : [main, failureBlock(fallback)]
  const content = sideBySide(parts, ASIDE)
  const title = clipped(summary === '' ? name : `${name}: ${summary}`, 90)
  const width = Math.ceil(Math.max(content.width, textWidth(title, 15)) + 2 * MARGIN)
  const height = Math.ceil(content.height + 2 * MARGIN + 30)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(name)}" font-family="system-ui, sans-serif">`,
    STYLE,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 8}">${escapeXml(title)}</text>`,
    content.draw(MARGIN, MARGIN + 30),
    '</svg>',
    '',
  ].join('\n')
}

const STYLE = `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>
<style>
.page{fill:#fff}.title{font-size:15px;font-weight:600;fill:#1f2933}
.box{fill:#fff;stroke:#829ab1;stroke-width:1.2}.source{fill:#e3f8ff;stroke:#2186eb}.effect{fill:#fff3e0;stroke:#de911d}
.scope{fill:#f3ebff;stroke:#8662c7}.stateful{fill:#e6fcf5;stroke:#3ebd93}.channel{fill:#f0f4f8;stroke:#52606d}.failure{fill:#ffe3e3;stroke:#d64545}
.frame{fill:#627d98;fill-opacity:.05;stroke:#bcccdc;stroke-dasharray:4 3}
.name{font-size:13px;font-weight:600;fill:#1f2933;text-anchor:middle}.detail{font-size:11px;fill:#52606d;text-anchor:middle}
.label{font-size:11px;fill:#334e68}.way{fill:none;stroke:#52606d;stroke-width:1.2}.aside{stroke-dasharray:5 3}
</style>`

function stepBlocks(steps: readonly StepNode[], scope: string): readonly Block[] {
  return steps.map((step) => stepBlock(step, stepPath(scope, step.name)))
}

function stepBlock(step: StepNode, path: string): Block {
  const own = box(step.name, stepDetail(step), styleOf(step))
  const inner = (scope: ScopeNode): Block =>
    scopeBlock(scope, scope.name === '' ? path : stepPath(path, scope.name))
  if (drawnAs(step) === 'branches') return branching(own, step, step.scopes.map(inner))
  if (drawnAs(step) === 'within') return sequence([own, ...step.scopes.map(inner)])
  const channel = step.options['channel']
  const asides: readonly Aside[] = [
    ...(drawnAs(step) === 'uses'
      ? step.scopes
          .flatMap((scope) => stepBlocks(scope.steps, path))
          .map((block): Aside => ({ block, label: '', role: 'use' }))
      : step.scopes.map(
          (scope): Aside => ({ block: inner(scope), label: scope.label, role: scopeRole(step, scope) }),
        )),
    ...(typeof channel === 'string'
      ? [{ block: box(channel, 'channel', 'channel'), label: '', role: 'publish' } as const]
      : []),
  ]
  return asides.length === 0 ? own : withAsides(own, asides)
}

function styleOf({ kind }: StepNode): string {
  const stepClass = patternsByKind.get(kind)?.stepClass ?? 'pure'
  return stepClass === 'pure' ? '' : stepClass
}

function box(name: string, detail: string, style: string): Block {
  const [shownName, shownDetail] = [clipped(name, 38), clipped(detail, 46)]
  const width = Math.ceil(
    Math.max(MIN_BOX, textWidth(shownName, 13) + 2 * PADDING, textWidth(shownDetail, 11) + 2 * PADDING),
  )
  const round = style === 'source' || style === 'channel' ? BOX_HEIGHT / 2 : 6
  return {
    width,
    height: BOX_HEIGHT,
    spine: width / 2,
    draw: (x, y) =>
      [
        `<g><title>${escapeXml(`${name} (${detail})`)}</title><rect class="box ${style}" x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="${round}"/>`,
        `<text class="name" x="${x + width / 2}" y="${y + 19}">${escapeXml(shownName)}</text>`,
        `<text class="detail" x="${x + width / 2}" y="${y + 35}">${escapeXml(shownDetail)}</text></g>`,
      ].join('\n'),
  }
}

/** Blocks below each other on one spine, with arrows between them. */
function sequence(blocks: readonly Block[]): Block {
  const left = Math.max(0, ...blocks.map(({ spine }) => spine))
  const right = Math.max(0, ...blocks.map(({ width, spine }) => width - spine))
  const height = blocks.reduce((sum, block) => sum + block.height, 0) + Math.max(0, blocks.length - 1) * DOWN
  return {
    width: left + right,
    height,
    spine: left,
    draw: (x, y) => {
      const parts: string[] = []
      let top = y
      for (const [index, block] of blocks.entries()) {
        if (index > 0)
          parts.push(
            way(
              [
                [x + left, top - DOWN],
                [x + left, top],
              ],
              true,
            ),
          )
        parts.push(block.draw(x + left - block.spine, top))
        top += block.height + DOWN
      }
      return parts.join('\n')
    },
  }
}

/** The steps of a scope in a frame; only a gap when it has none. */
function scopeBlock(scope: ScopeNode, path: string): Block {
  return scope.steps.length === 0 ? LANE : framed(sequence(stepBlocks(scope.steps, path)))
}

const LANE: Block = { width: 40, height: 0, spine: 20, draw: () => '' }

function framed(inner: Block): Block {
  const width = inner.width + 2 * FRAME
  const height = inner.height + 2 * FRAME
  return {
    width,
    height,
    spine: inner.spine + FRAME,
    draw: (x, y) =>
      `<rect class="frame" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>\n${inner.draw(x + FRAME, y + FRAME)}`,
  }
}

interface Aside {
  readonly block: Block
  readonly label: string
  readonly role: GraphEdge['role']
}

/** A step with what hangs on it at its right: the scopes of its children, its fallback, a channel. */
function withAsides(own: Block, asides: readonly Aside[]): Block {
  const labels = Math.max(...asides.map(({ label }) => textWidth(label, 11)))
  const gap = ASIDE + labels
  const heights = asides.map(({ block }) => Math.max(block.height, BOX_HEIGHT))
  const height = heights.reduce((sum, each) => sum + each, 0) + (asides.length - 1) * TITLE
  return {
    width: own.width + gap + Math.max(...asides.map(({ block }) => block.width)),
    height: Math.max(own.height, height),
    spine: own.spine,
    draw: (x, y) => {
      const parts: string[] = []
      if (height > own.height)
        parts.push(
          way([
            [x + own.spine, y + own.height],
            [x + own.spine, y + height],
          ]),
        )
      parts.push(own.draw(x, y))
      let top = y
      for (const [index, { block, label }] of asides.entries()) {
        const at = top + BOX_HEIGHT / 2
        const begin = x + own.width
        const bus = begin + 16
        const end = begin + gap
        parts.push(
          way(
            [
              [begin, y + BOX_HEIGHT / 2],
              [bus, y + BOX_HEIGHT / 2],
              [bus, at],
              [end, at],
            ],
            true,
            true,
          ),
        )
        parts.push(text(label, bus + 6, at - 5))
        parts.push(block.draw(end, top))
        top += (heights[index] as number) + TITLE
      }
      return parts.join('\n')
    },
  }
}

/** A choice: its branches side by side below it, joining again. */
function branching(own: Block, step: StepNode, branches: readonly Block[]): Block {
  const passing = passesBy(step) ? [{ block: LANE, label: 'else', leadsOn: true }] : []
  const lanes = [
    ...branches.map((block, index) => ({
      block,
      label: step.scopes[index]?.label ?? '',
      leadsOn: leadsOn(step.scopes[index]?.steps.at(-1)),
    })),
    ...passing,
  ]
  const widths = lanes.map(({ block, label }) =>
    Math.max(block.width, block.spine + 10 + textWidth(label, 11)),
  )
  const below = widths.reduce((sum, width) => sum + width, 0) + (lanes.length - 1) * DOWN
  const width = Math.max(own.width, below)
  const tallest = Math.max(...lanes.map(({ block }) => block.height))
  const head = own.height + DOWN / 2
  const height = head + DOWN + 8 + tallest + DOWN
  return {
    width,
    height,
    spine: width / 2,
    draw: (x, y) => {
      const middle = x + width / 2
      const parts = [own.draw(middle - own.spine, y)]
      let left = x + (width - below) / 2
      for (const [index, { block, label, leadsOn }] of lanes.entries()) {
        const at = left + block.spine
        const top = y + head + DOWN + 8
        parts.push(
          way(
            [
              [middle, y + own.height],
              [middle, y + head],
              [at, y + head],
              [at, top],
            ],
            block.height > 0,
          ),
        )
        if (leadsOn)
          parts.push(
            way([
              [at, top + Math.max(0, block.height - FRAME)],
              [at, y + height - DOWN / 2],
              [middle, y + height - DOWN / 2],
              [middle, y + height],
            ]),
          )
        parts.push(text(label, at + 5, y + head + 16), block.draw(left, top))
        left += (widths[index] as number) + DOWN
      }
      return parts.join('\n')
    },
  }
}

/** Whether a message goes on behind the last step of a scope. */
function leadsOn(last: StepNode | undefined): boolean {
  return last === undefined || last.scopes.length > 0 || passesBy(last)
}

function failureBlock(steps: readonly StepNode[]): Block {
  return sequence([
    box('failed for good', 'onError', 'failure'),
    framed(sequence(stepBlocks(steps, FLOW_FALLBACK))),
  ])
}

function sideBySide(blocks: readonly Block[], gap: number): Block {
  return {
    width: blocks.reduce((sum, { width }) => sum + width, 0) + (blocks.length - 1) * gap,
    height: Math.max(...blocks.map(({ height }) => height)),
    spine: 0,
    draw: (x, y) => {
      let left = x
      return blocks
        .map((block) => {
          const drawn = block.draw(left, y)
          left += block.width + gap
          return drawn
        })
        .join('\n')
    },
  }
}

function way(points: readonly (readonly [number, number])[], tip = false, aside = false): string {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('')
  return `<path class="way${aside ? ' aside' : ''}" d="${path}"${tip ? ' marker-end="url(#tip)"' : ''}/>`
}

function text(label: string, x: number, y: number): string {
  return label === '' ? '' : `<text class="label" x="${x}" y="${y}">${escapeXml(label)}</text>`
}
