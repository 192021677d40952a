import type { FlowDefinition } from '../model/flow-definition.ts'
import { type Graph, type GraphEdge, type GraphNode, graph } from './graph.ts'

/**
 * A flow as a Mermaid flowchart.
 *
 * @example
 * ```ts
 * import { flow, inbox, mermaid } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
 * const text: string = mermaid(greet.definition)
 * ```
 */
export function mermaid(definition: FlowDefinition): string {
  const drawn = graph(definition)
  const lines = [
    'flowchart TD',
    `  %% flow: ${oneLine(drawn.name)}`,
    ...inGroup(drawn, null, '  '),
    ...drawn.edges.map(arrow),
  ]
  return `${lines.join('\n')}\n`
}

function inGroup(drawn: Graph, group: string | null, indent: string): readonly string[] {
  const boxes = drawn.nodes.filter((node) => node.group === group).map((node) => `${indent}${box(node)}`)
  const frames = drawn.groups
    .filter(({ parent }) => parent === group)
    .flatMap(({ id, label }) => [
      `${indent}subgraph ${id}["${escaped(label)}"]`,
      ...inGroup(drawn, id, `${indent}  `),
      `${indent}end`,
    ])
  return [...boxes, ...frames]
}

const SHAPES: Readonly<Record<string, readonly [string, string]>> = {
  source: ['([', '])'],
  channel: ['[(', ')]'],
  failure: ['((', '))'],
  choice: ['{', '}'],
  filter: ['{{', '}}'],
  call: ['[[', ']]'],
  to: ['[[', ']]'],
}

function box({ id, kind, label, detail }: GraphNode): string {
  const [open, close] = SHAPES[kind] ?? ['[', ']']
  return `${id}${open}"${escaped(label)}<br/><small>${escaped(detail)}</small>"${close}`
}

function arrow({ from, to, role, label }: GraphEdge): string {
  const line = role === 'next' ? '-->' : '-.->'
  const text = role === 'failure' && label === '' ? 'on failure' : label
  return `  ${from} ${line}${text === '' ? '' : `|"${escaped(text)}"|`} ${to}`
}

/** Mermaid reads quotes, markup and its own entities in labels; each such character is written as its number. */
function escaped(text: string): string {
  return oneLine(text).replace(/["#<>&`;\\]/g, (character) => `#${character.codePointAt(0)};`)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
