import { parseArgs } from 'node:util'
import { participants } from './participants.ts'
import { type TableId, tables } from './tables.ts'

export type Options = {
  readonly tables: readonly TableId[]
  readonly rounds: number
  /** How often a round is repeated in which others used the machine. */
  readonly repeats: number
  /** Absent: each table's own. */
  readonly seconds?: number
  readonly only?: readonly string[]
  readonly connections: number
  /** How many live keys the table live-keys has; absent: its own. */
  readonly keys?: number
  readonly rate?: number
  readonly seed: number
  readonly quick: boolean
  readonly json: boolean
}

const usage = `npm run bench -- [options]
  --table NAME,…    ${tables.map(({ id }) => id).join(', ')} (default floor,peers)
  --only NAME,…     only these participants (a part of the name is enough), or only these tables (cluster: all that begin so)
  --rounds N        rounds per participant (default 5)
  --repeats N       repeat a round in which others used the machine, at most so often (default 2)
  --seconds N       measured seconds per round (default: the table's own)
  --connections N   default 64
  --keys N          live keys of the table live-keys (default 1,000,000)
  --rate N          messages per second of the latency table (default 1000)
  --seed N          of the order of the runs (default: random, printed)
  --quick           2 rounds of 1 second, to see that all works; writes no results
  --json            the results as JSON on the last line`

/** Reads the command line; prints the usage and exits for --help, throws for what it does not understand. */
export const readOptions = (args: readonly string[]): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      table: { type: 'string' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      repeats: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      keys: { type: 'string' },
      rate: { type: 'string' },
      seed: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const seconds = values.seconds ?? (values.quick ? '1' : undefined)
  const { table, only } = tablesAndParts(values.table, values.only)
  return {
    tables: table.map(tableId),
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '2' : '5')),
    repeats: Number(values.repeats ?? (values.quick ? 0 : 2)),
    ...(seconds === undefined ? {} : { seconds: positive('--seconds', seconds) }),
    ...(only === undefined ? {} : { only: only.map(known) }),
    connections: positive('--connections', values.connections),
    ...(values.keys === undefined ? {} : { keys: positive('--keys', values.keys) }),
    ...(values.rate === undefined ? {} : { rate: positive('--rate', values.rate) }),
    seed: Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)),
    quick: values.quick,
    json: values.json,
  }
}

/** The table of a name, and those that belong to it: `cluster-latency` belongs to `cluster`. */
const tablesOf = (name: string): readonly TableId[] =>
  tables.map(({ id }) => id).filter((id) => id === name || id.startsWith(`${name}-`))

/** `--only cluster` is understood as the tables of that name. */
const tablesAndParts = (
  table: string | undefined,
  only: string | undefined,
): { readonly table: readonly string[]; readonly only?: readonly string[] } => {
  const parts = only?.split(',') ?? []
  const named = parts.flatMap(tablesOf)
  const rest = parts.filter((part) => tablesOf(part).length === 0)
  return {
    table: table?.split(',') ?? (named.length > 0 ? named : ['floor', 'peers']),
    ...(rest.length === 0 ? {} : { only: rest }),
  }
}

const tableId = (id: string): TableId => {
  const table = tables.find((each) => each.id === id)
  if (table === undefined) throw new Error(`--table ${id}: there is no such table\n${usage}`)
  return table.id
}

const known = (part: string): string => {
  if (participants.some(({ name }) => name.includes(part))) return part
  throw new Error(
    `--only ${part}: no participant is called so; there are ${participants.map((p) => p.name).join(', ')}`,
  )
}

const positive = (option: string, text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new Error(`${option} ${text}: a number above 0 is needed`)
}
