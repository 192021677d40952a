import { clientsOf, installCommand } from './clients.ts'
import type { ConnectorSpec, OperationSpec, OptionSpec, SourceSpec } from './connector.ts'

/** Options as a Markdown table. */
export function optionsTable(options: readonly OptionSpec[]): string {
  const rows = options.map(({ name, type, summary, default: fallback, secret }) => [
    code(name),
    code(type),
    fallback === undefined ? '' : code(fallback),
    secret === true ? `${summary} *Secret.*` : summary,
  ])
  return table(['option', 'type', 'default', ''], rows)
}

/** Sources as a Markdown table, and after it their options. */
export function sourcesTable(sources: readonly SourceSpec[]): string {
  const rows = sources.map(({ name, kind, summary }) => [code(name), kind, summary])
  return [table(['source', 'kind', ''], rows), ...optionsOfEach(sources)].join('\n\n')
}

/** Operations as a Markdown table, and after it their options. */
export function operationsTable(operations: readonly OperationSpec[]): string {
  const rows = operations.map(({ name, guarantees, summary }) => [
    code(name),
    guarantees.map(code).join(', '),
    summary,
  ])
  return [table(['operation', 'guarantee', ''], rows), ...optionsOfEach(operations)].join('\n\n')
}

/** All that a connector says of itself as a page in Markdown; `door` is what it is imported from. */
export function specPage(name: string, door: string, spec: ConnectorSpec): string {
  const { summary, stability, options, sources = [], operations = [] } = spec
  const installs = clientsOf(spec).map((client) => `\`${installCommand(client)}\``)
  return [
    `# ${name}`,
    summary,
    `Import it from \`${door}\`.${stability === 'experimental' ? ' It is experimental.' : ''}${installs.length === 0 ? '' : ` It needs a client library: ${installs.join(' or ')}.`}`,
    ...(options.length === 0 ? [] : ['## The connection', optionsTable(options)]),
    ...(sources.length === 0 ? [] : ['## Sources', sourcesTable(sources)]),
    ...(operations.length === 0 ? [] : ['## Operations', operationsTable(operations)]),
  ].join('\n\n')
}

interface WithOptions {
  readonly name: string
  readonly options?: readonly OptionSpec[]
}

/** Those that share a list of options share a table. */
function optionsOfEach(all: readonly WithOptions[]): readonly string[] {
  const shared = Map.groupBy(
    all.filter(({ options = [] }) => options.length > 0),
    ({ options }) => options as readonly OptionSpec[],
  )
  return [...shared].flatMap(([options, users]) => [
    `Options of ${listed(users.map(({ name }) => code(name)))}:`,
    optionsTable(options),
  ])
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapePipes).join(' | ')} |`
  const title = line(head).replace(/\| {2}\|$/, '| |')
  return [title, `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

const code = (text: string): string => `\`${text}\``

function escapePipes(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
