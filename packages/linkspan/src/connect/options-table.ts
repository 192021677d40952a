import type { ConnectorSpec } from './connector.ts'

/** The options of a connector or source as a Markdown table: what its README holds between its two markers. */
export function optionsTable(options: ConnectorSpec['options']): string {
  const rows = options.map(({ name, type, summary, default: fallback, secret }) => {
    const about = secret === true ? `${summary} *Secret.*` : summary
    const cells = [`\`${name}\``, `\`${type}\``, fallback === undefined ? '' : `\`${fallback}\``, about]
    return `| ${cells.map(escapePipes).join(' | ')} |`
  })
  return ['| option | type | default | |', '|---|---|---|---|', ...rows].join('\n')
}

function escapePipes(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
