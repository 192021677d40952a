import type { Found, KnownEntry, LanguageNode } from '../../catalogue/index.ts'
import { type KnownConnector, knownConnectors } from '../connector-specs.ts'
import { NEGATIVE } from '../exit-code.ts'
import { failure } from '../failure.ts'
import { markdownLines, prose } from '../markdown-view.ts'
import { patternPage } from '../pattern-page.ts'
import { counted } from '../text.ts'
import { type Context, defineVerb, type Verb } from '../verb.ts'

/** Lines longer than this are hard to read, however wide the terminal. */
const MOST_WIDE = 100

/** `linkspan doc`. */
export const doc: Verb = defineVerb({
  usage: 'doc [name...]',
  summary: 'Explain a pattern or a connector, or list them all',
  details:
    'Finds a pattern by its name, by our step, or by what Camel, Spring Integration, Mule, IBM Integration Bus or n8n call it; a connector by what it is imported as, with its options, sources, operations and their guarantees.',
  examples: ['linkspan doc', 'linkspan doc wire tap', 'linkspan doc http', 'linkspan doc "For Each" --json'],
  reach: 'nothing',
  run: async (context, words) => {
    // Loaded when needed: the patterns come with it.
    const { ENTRIES, findEntry } = await import('../../catalogue/index.ts')
    const name = words.join(' ').trim()
    if (name === '') return listAll(context, ENTRIES)
    const connectors = await knownConnectors(context.dependencies.self)
    const connector = connectors.find((each) => [each.name, each.door].includes(name.toLowerCase()))
    if (connector !== undefined) return showConnector(context, connector)
    await show(context, name, findEntry(name))
    return undefined
  },
})

async function listAll({ out, dependencies }: Context, entries: readonly KnownEntry[]): Promise<undefined> {
  if (out.json) {
    out.document(entries)
    return undefined
  }
  const byFamily = Map.groupBy(entries, ({ family }) => family)
  for (const [family, all] of byFamily) {
    out.line(out.style('strong', family))
    out.table(all, [
      { title: '', value: ({ name }) => name },
      { title: '', value: ownWords, tone: ({ state }) => (state === 'shown' ? null : 'dim'), flexible: true },
    ])
    out.line()
  }
  await listConnectors({ out, dependencies })
  const shown = entries.filter(({ state }) => state === 'shown').length
  out.note(`${counted(entries.length, 'pattern')}, ${shown} with a page. Read one with linkspan doc NAME.`)
  return undefined
}

async function listConnectors({ out, dependencies }: Pick<Context, 'out' | 'dependencies'>): Promise<void> {
  const connectors = await knownConnectors(dependencies.self)
  const rows = await Promise.all(connectors.map(async ({ name, load }) => ({ name, ...(await load()) })))
  out.line(out.style('strong', 'Connectors'))
  out.table(rows, [
    { title: '', value: ({ name }) => name },
    { title: '', value: ({ summary }) => prose(summary), flexible: true },
  ])
  out.line()
}

async function showConnector({ out }: Context, { name, door, load }: KnownConnector): Promise<undefined> {
  const [spec, { specPage }] = await Promise.all([load(), import('../../connect/index.ts')])
  if (out.json) {
    out.document({ name, door, ...spec })
    return undefined
  }
  const width = Math.min(out.width, MOST_WIDE)
  for (const line of markdownLines(specPage(name, door, spec), { style: out.style, width })) out.line(line)
  return undefined
}

function ownWords({ ours, state }: KnownEntry): string {
  return prose([ours, state === 'shown' ? '' : state].filter((part) => part !== '').join('; '))
}

async function show(context: Context, name: string, { entries, nodes, near }: Found): Promise<void> {
  const [only, ...others] = entries
  if (only === undefined && nodes.length === 0) throw unknown(name, near)
  if (only !== undefined && others.length === 0 && nodes.length === 0) return showEntry(context, only)
  showSeveral(context, name, entries, nodes)
}

function unknown(name: string, near: readonly string[]): Error {
  const hint = near.length === 0 ? 'linkspan doc lists all of them' : `Did you mean ${near.join(', ')}?`
  return failure(NEGATIVE, `No pattern and no connector is called "${name}". ${hint}`)
}

async function showEntry({ out, dependencies }: Context, entry: KnownEntry): Promise<void> {
  const page = entry.state === 'shown' ? await patternPage(dependencies.self, entry.slug) : null
  if (out.json) return out.document({ ...entry, page })
  const text = page ?? `# ${entry.name}\n\n${entry.family}. ${entry.says}\n\nIn Linkspan: ${ownWords(entry)}.`
  const width = Math.min(out.width, MOST_WIDE)
  for (const line of markdownLines(text, { style: out.style, width })) out.line(line)
}

/** A foreign name may stand for several of ours. */
function showSeveral(
  { out }: Context,
  name: string,
  entries: readonly KnownEntry[],
  nodes: readonly LanguageNode[],
): void {
  if (out.json) {
    out.document({ entries, nodes })
    return
  }
  const width = Math.min(out.width, MOST_WIDE)
  const look = { style: out.style, width }
  for (const { names, ours, entry } of nodes) {
    const more = entry === undefined ? '' : ` See linkspan doc ${entry}.`
    for (const line of markdownLines(`# ${names.join(', ')}\n\n${ours}.${more}`, look)) out.line(line)
  }
  if (entries.length === 0) return
  if (nodes.length > 0) out.line()
  out.line(`"${name}" is another tool's word for, or a part of:`)
  out.table(entries, [
    { title: '', value: (entry) => `  ${entry.name}` },
    { title: '', value: ownWords, flexible: true },
  ])
  out.note('Read one with linkspan doc NAME.')
}
