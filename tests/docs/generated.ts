import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { svg } from 'linkspan'
import { METRICS, type MetricName } from 'linkspan/serve'
import { VERBS } from '../../packages/linkspan/src/cli/commands/index.ts'
import type { Verb } from '../../packages/linkspan/src/cli/verb.ts'
import type { Generated } from '../../scripts/lib/blocks.ts'
import { connectorDocs } from '../../scripts/lib/connector-docs.ts'
import { filesBelow, isTest, isTypeScript, root } from '../../scripts/lib/files.ts'
import { capacity } from './capacity.ts'
import { confirmOrders } from './orders.ts'
import { patternDocs } from './patterns.ts'
import { machineOf, newestResults } from './results.ts'

/** Everything in the documentation that is made from the code. */
export const generated: readonly Generated[] = [
  { file: 'docs/guide/cli.md', block: 'verbs', make: verbs },
  { file: 'docs/guide/http.md', block: 'metrics', make: metrics },
  { file: 'docs/images/confirm-orders.svg', block: null, make: () => `${svg(confirmOrders.definition)}\n` },
  ...patternDocs,
  ...(await connectorDocs()),
]

/** What is measured: written by the update, and not held against the results, which change with each run. */
export const measured: readonly Generated[] = [
  { file: 'README.md', block: 'speed', make: speed },
  { file: 'docs/guide/capacity.md', block: 'capacity', make: capacity },
]

/** The verbs that people use, each with the words that call it. */
export function publicVerbs(): readonly { readonly words: string; readonly verb: Verb }[] {
  return VERBS.flatMap((each) =>
    'run' in each
      ? [{ words: each.usage, verb: each }]
      : each.verbs.map((verb) => ({ words: `${each.name} ${verb.usage}`, verb })),
  ).filter(({ verb }) => verb.hidden !== true)
}

function verbs(): string {
  return publicVerbs()
    .map(({ words, verb }) =>
      [
        `### \`linkspan ${words}\``,
        [`${verb.summary}.`, verb.details ?? ''].join(' ').trim(),
        options(verb),
        ['```sh', ...verb.examples, '```'].join('\n'),
      ]
        .filter((part) => part !== '')
        .join('\n\n'),
    )
    .join('\n\n')
}

function options(verb: Verb): string {
  const rows = (verb.options ?? []).map(({ flags, description, defaultValue, argChoices, mandatory }) => {
    const more = [
      ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
      ...(defaultValue === undefined ? [] : [`default \`${String(defaultValue)}\``]),
      ...(mandatory ? ['required'] : []),
    ]
    return `| \`${flags.replaceAll('|', '\\|')}\` | ${[description, ...more].join('; ')} |`
  })
  return rows.length === 0 ? '' : ['| option | |', '|---|---|', ...rows].join('\n')
}

/** A metric that no source file but the one that names it mentions is not filled yet. */
function metrics(): string {
  const text = sources()
  const rows = (Object.keys(METRICS) as MetricName[]).map((name) => {
    const { type, labels, help } = METRICS[name]
    const note = text.includes(name) ? '' : ' *Named, and not filled yet.*'
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help}${note} |`
  })
  return ['| metric | type | labels | |', '|---|---|---|---|', ...rows].join('\n')
}

function sources(): string {
  const folder = join(root, 'packages', 'linkspan', 'src')
  return filesBelow(folder, (path) => isTypeScript(path) && !isTest(path))
    .filter((path) => !path.endsWith('observe/metric-names.ts'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n')
}

/** The targets as the newest result of each table has them. */
function speed(): string {
  const all = [...newestResults().values()]
  const rows = all.flatMap(({ targets, startedAt }) =>
    targets.map(({ text, verdict, measured: found }) => {
      const figure = found === undefined ? '' : found.median.toPrecision(3)
      return `| ${text} | ${figure} | ${verdict} | ${startedAt.slice(0, 10)} |`
    }),
  )
  const last = all.at(-1)
  const where = last === undefined ? '' : machineOf(last)
  return [where, '', '| target | measured (median) | | on |', '|---|---|---|---|', ...rows].join('\n')
}
