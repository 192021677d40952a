/** The files of a generated project, by name. */
export type Sources = Readonly<Record<string, string>>

const IMPORTS = `import { flow, inbox } from 'linkspan'
import type { Operation } from 'linkspan/connect'
`

const OUTSIDE = `interface Order {
  readonly id: string
  readonly n: number
  readonly tags: readonly string[]
}
declare const send: Operation<{ readonly id: string }, { readonly ok: boolean }, { readonly kind: 'natural' }>
declare const load: Operation<{ readonly id: string }, { readonly n: number }, { readonly kind: 'natural' }>
const orders = inbox<Order>()
`

/**
 * Steps that widen the body and narrow it again, so that it stays of one size, with a split and a choice whose scopes
 * have steps of their own, and a call that binds one more name each time.
 */
const ROUND: readonly ((at: number) => string)[] = [
  (at) => `  .map('widen ${at}', (order) => ({ ...order, a${at}: order.n + ${at} }))`,
  (at) => `  .filter('positive ${at}', (order) => order.n > ${at})`,
  (at) => `  .call('load ${at}', load, { input: (order) => ({ id: order.id }), as: 'loaded${at}' })`,
  (at) => `  .map('narrow ${at}', ({ id, n, tags }, ctx) => ({ id, n: n + ctx.loaded${at - 1}.n, tags }))`,
  (at) =>
    `  .split('tags ${at}', (order) => order.tags, (tag) => tag.map('longer', (text) => text + '!').filter('short', (text) => text.length < 9), { join: 'collect', as: 'tags${at}' })`,
  (at) =>
    `  .choice('size ${at}', (c) => c.when('large', (order) => order.n > ${at}, (s) => s.map('less', (order) => ({ ...order, n: 1 }))).otherwise((s) => s))`,
]

const LAST = "  .to('send', send, { input: (order) => ({ id: order.id }) })\n"

function flowText(name: string, id: string, steps: number): string {
  const head = `export const ${id} = flow('${name}')\n  .from(orders, { key: (order) => order.id })\n`
  const middle = Array.from({ length: steps - 1 }, (_, at) => ROUND[at % ROUND.length]?.(at) ?? '')
  return `${head}${middle.join('\n')}\n${LAST}`
}

/** One flow of so many steps. */
export function flowOf(steps: number): Sources {
  return { 'flow.ts': `${IMPORTS}${OUTSIDE}${flowText('long', 'long', steps)}` }
}

/** A project of so many flows of five steps, each in its own file. */
export function projectOf(flows: number): Sources {
  const ids = Array.from({ length: flows }, (_, at) => `f${at}`)
  const files = ids.map((id) => [`${id}.ts`, `${IMPORTS}${OUTSIDE}${flowText(id, id, 5)}`] as const)
  const project = `import { defineProject } from 'linkspan'
import { sqlite } from 'linkspan/journal'
${ids.map((id) => `import { ${id} } from './${id}.ts'`).join('\n')}
export const project = defineProject({ journal: sqlite('data/hub.db'), connections: {}, flows: [${ids.join(', ')}] })
`
  return { ...Object.fromEntries(files), 'project.ts': project }
}
