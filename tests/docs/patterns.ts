import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outline, svg } from 'linkspan'
import { examples } from '../../examples/patterns/lib/examples.ts'
import {
  ENTRIES,
  FAMILIES,
  type KnownEntry,
  LANGUAGE,
  type LanguageNode,
  TOOLS,
  type Tool,
} from '../../packages/linkspan/src/catalogue/index.ts'
import type { Generated } from '../../scripts/lib/blocks.ts'
import { root } from '../../scripts/lib/files.ts'
import { DIFFERENCES, type Difference } from '../oracle/differences.ts'

const PAGES = 'docs/patterns'
const DRAWINGS = 'docs/images/patterns'
const EXAMPLES = 'examples/patterns'

/** Entries that have a page, or should have one. */
export const shownEntries: readonly KnownEntry[] = ENTRIES.filter(({ state }) => state === 'shown')

export const pageOf = ({ slug }: Pick<KnownEntry, 'slug'>): string => `${PAGES}/${slug}.md`
export const exampleOf = ({ slug }: Pick<KnownEntry, 'slug'>): string => `${EXAMPLES}/${slug}.ts`

/** Everything about the patterns that is made from the catalogue and the examples. */
export const patternDocs: readonly Generated[] = [
  { file: `${PAGES}/README.md`, block: 'catalogue', make: index },
  { file: `${PAGES}/README.md`, block: 'language', make: language },
  ...shownEntries.flatMap(partsOf),
]

function partsOf(entry: KnownEntry): readonly Generated[] {
  const file = pageOf(entry)
  return [
    { file, block: 'head', make: () => head(entry) },
    { file, block: 'diagram', make: () => diagram(entry) },
    { file, block: 'example', make: () => exampleText(entry) },
    ...(differencesOf(entry).length === 0
      ? []
      : [{ file, block: 'unlike-camel', make: () => unlikeCamel(entry) }]),
    { file, block: 'names', make: () => names(entry) },
    ...drawings(entry).map(({ file: drawing, text }) => ({ file: drawing, block: null, make: () => text })),
  ]
}

/** Begins the pages that are missing; the parts that a person writes are empty, which the test notices. */
export function beginMissingPages(): void {
  for (const entry of shownEntries) {
    const file = join(root, pageOf(entry))
    if (!existsSync(file)) writeFileSync(file, `${skeleton()}\n`)
  }
}

/** Headings of the parts that a person writes, beside the text below the title. */
export const WRITTEN = ['Durability', 'Failure'] as const

function skeleton(): string {
  const generated = (block: string): string => `<!-- generated: ${block} -->\n<!-- /generated: ${block} -->`
  return [
    generated('head'),
    generated('diagram'),
    generated('example'),
    ...WRITTEN.map((title) => `## ${title}`),
    generated('names'),
  ].join('\n\n')
}

function head({ name, family, says, ours }: KnownEntry): string {
  return [
    `# ${name}`,
    `[${family}](README.md#${family.toLowerCase().replaceAll(' ', '-')}). ${says}`,
    `In Linkspan: ${ours}.`,
  ].join('\n\n')
}

interface Drawing {
  readonly file: string
  readonly name: string
  readonly text: string
  readonly outline: string
}

function drawings({ slug }: KnownEntry): readonly Drawing[] {
  return (examples.get(slug)?.flows ?? []).map(({ definition }, at) => ({
    file: `${DRAWINGS}/${slug}${at === 0 ? '' : `-${at + 1}`}.svg`,
    name: definition.name,
    text: `${svg(definition)}\n`,
    outline: outline(definition),
  }))
}

/** The drawing for the browser; for the terminal, which shows no images, the same as text in a comment. */
function diagram(entry: KnownEntry): string {
  const all = drawings(entry)
  const images = all.map(
    ({ file, name }) => `![The flow ${name}](../images/patterns/${file.slice(DRAWINGS.length + 1)})`,
  )
  return [...images, `<!-- in the terminal\n${all.map((each) => each.outline).join('\n')}-->`].join('\n\n')
}

/** Not marked `ts`: it is type-checked as the file that it is. */
function exampleText(entry: KnownEntry): string {
  const file = exampleOf(entry)
  const text = readFileSync(join(root, file), 'utf8').trim()
  return [
    '## Example',
    `[${file}](../../${file}): what is sent, and what has to come of it. \`npm test\` runs it, and sweeps it for crashes.`,
    `\`\`\`typescript\n${text}\n\`\`\``,
  ].join('\n\n')
}

function differencesOf({ slug }: KnownEntry): readonly Difference[] {
  return DIFFERENCES.filter(({ pages }) => pages.includes(slug))
}

/** What differs from Camel on purpose: the list that `npm run torture -- --oracle` holds both to. */
function unlikeCamel(entry: KnownEntry): string {
  const rows = differencesOf(entry).map(
    ({ camel, linkspan, reason }) => `| ${camel} | ${linkspan} | ${reason} |`,
  )
  return ['## Unlike Camel', '', '| Camel | here | why |', '|---|---|---|', ...rows].join('\n')
}

function names({ elsewhere }: KnownEntry): string {
  const rows = (Object.keys(TOOLS) as Tool[]).map((tool) => `| ${TOOLS[tool]} | ${called(elsewhere[tool])} |`)
  return ['## Elsewhere', '', '| | |', '|---|---|', ...rows].join('\n')
}

function called(all: readonly string[]): string {
  return all.length === 0 ? 'no construct of its own' : all.map((name) => `\`${name}\``).join(', ')
}

function index(): string {
  const count = (state: KnownEntry['state']): number => ENTRIES.filter((each) => each.state === state).length
  const counts = `${ENTRIES.length} entries: ${count('shown')} with a page, ${count('page to come')} whose page is to come, ${count('not built yet')} not built yet.`
  return [counts, ...FAMILIES.map(familyPart)].join('\n\n')
}

function familyPart(family: KnownEntry['family']): string {
  const rows = ENTRIES.filter((entry) => entry.family === family).map((entry) => {
    const { name, says, ours, state, slug } = entry
    const title = state === 'shown' ? `[${name}](${slug}.md)` : name
    const own = [ours, state === 'shown' ? '' : `*${state}*`].filter((part) => part !== '').join('; ')
    return `| ${title} | ${says} | ${own} |`
  })
  return [`## ${family}`, '', '| | | in Linkspan |', '|---|---|---|', ...rows].join('\n')
}

function language(): string {
  const rows = LANGUAGE.map(
    ({ names: all, ours, entry }) => `| ${called(all)} | ${ours} | ${reference(entry)} |`,
  )
  return ['| Camel | Linkspan | |', '|---|---|---|', ...rows].join('\n')
}

function reference(name: LanguageNode['entry']): string {
  const entry = ENTRIES.find((each) => each.name === name)
  if (entry === undefined) return ''
  return entry.state === 'shown' ? `[${entry.name}](${entry.slug}.md)` : entry.name
}
