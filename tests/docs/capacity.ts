import { machineOf, newestResults, type Result } from './results.ts'

/** A line of the page: whose figures in which table of the benchmark, and what they are of. */
interface Line {
  readonly setting: string
  readonly table: string
  readonly participant: string
}

const SQLITE = 'linkspan (key)'
const POSTGRES = 'linkspan (postgres)'

const lines: readonly Line[] = [
  { setting: 'SQLite', table: 'peers', participant: SQLITE },
  { setting: 'SQLite, 5 million ended', table: 'history', participant: 'linkspan (5 million ended)' },
  { setting: 'SQLite, fsync takes 5 ms more', table: 'fsync', participant: 'linkspan (worker)' },
  { setting: 'SQLite, 1,000/s', table: 'latency', participant: SQLITE },
  { setting: 'PostgreSQL, 1 engine', table: 'cluster', participant: POSTGRES },
  { setting: 'PostgreSQL, 2 engines', table: 'cluster', participant: 'linkspan (postgres, 2 engines)' },
  { setting: 'PostgreSQL, 4 engines', table: 'cluster', participant: 'linkspan (postgres, 4 engines)' },
  {
    setting: 'PostgreSQL, 20 million ended',
    table: 'cluster-history',
    participant: 'linkspan (postgres, 20 million ended)',
  },
  { setting: 'PostgreSQL, 1,000/s', table: 'cluster-latency', participant: POSTGRES },
]

const columns = [
  { title: 'messages/s', figure: 'endToEnd' },
  { title: 'ack p50 ms', figure: 'ackP50' },
  { title: 'ack p99 ms', figure: 'ackP99' },
  { title: 'CPU µs/message', figure: 'cpuPerMessage' },
  { title: "of it the database's", figure: 'cpuServicePerMessage' },
  { title: 'bytes the database wrote/message', figure: 'writtenPerMessage' },
] as const

/** Medians over the rounds of the newest results; what has none yet is said to have none. */
export function capacity(): string {
  const newest = newestResults()
  const rows = lines.map((line) => row(line, newest.get(line.table)))
  const last = lines.map(({ table }) => newest.get(table)).find((result) => result !== undefined)
  const head = ['', ...columns.map(({ title }) => title), 'on']
  return [
    last === undefined ? '' : `${machineOf(last)} Engine, database, load generator and sink share its cores.`,
    '',
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

function row({ setting, table, participant }: Line, result: Result | undefined): readonly string[] {
  const rounds = (result?.rows.find(({ name }) => name === participant)?.rounds ?? []).filter(
    (round) => round !== null,
  )
  if (rounds.length === 0) return [setting, ...columns.map(() => ''), `not yet: \`--table ${table}\``]
  const cells = columns.map(({ figure }) => cell(rounds.map((round) => round[figure] ?? 0)))
  return [setting, ...cells, result?.startedAt.slice(0, 10) ?? '']
}

function cell(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
  if (median === 0) return ''
  return median >= 100 ? Math.round(median).toLocaleString('en') : median.toPrecision(3)
}
