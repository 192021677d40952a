import { endingCode, kin, reasonCode, slots } from '../codes.ts'
import type {
  Cursor,
  MovedCell,
  MovedDedupeKey,
  PlacedMessage,
  Settlement,
  TransferPage,
  Wait,
} from '../journal.ts'
import { arrayOf } from './binary.ts'
import { digestOf, type Names } from './names.ts'

/** One statement of a page. */
interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** A column that is filled from an array: its name, the elements' type, and the array. */
type Column = readonly [name: string, type: keyof typeof arrayOf, values: readonly unknown[]]

/** The statements that put a page: the rows as `commit_1` would leave them. */
export function packPage(page: TransferPage, schema: string, names: Names): readonly Statement[] {
  const { messages = [], cells = [], dedupeKeys = [], cursors = [] } = page
  const statements = [
    ...packMessages(messages, schema, names),
    ...putAll(schema, 'state', cellColumns(cells), 'ON CONFLICT (id) DO NOTHING'),
    ...putAll(schema, 'seen', keyColumns(dedupeKeys), 'ON CONFLICT (id) DO NOTHING'),
    ...putAll(
      schema,
      'cursors',
      cursorColumns(cursors),
      'ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    ),
  ]
  return statements
}

function putAll(schema: string, table: string, columns: readonly Column[], rest = ''): readonly Statement[] {
  if ((columns[0]?.[2].length ?? 0) === 0) return []
  const list = columns.map(([name]) => name).join(', ')
  const arrays = columns.map(([, type], at) => `$${at + 1}::${SQL_TYPES[type]}[]`).join(', ')
  const alias = rest.includes('t.') ? ' AS t' : ''
  return [
    {
      text: `INSERT INTO ${schema}.${table}${alias} (${list}) SELECT * FROM unnest(${arrays}) ${rest}`,
      values: columns.map(([, type, values]) => arrayOf[type](values as never)),
    },
  ]
}

const SQL_TYPES: Readonly<Record<keyof typeof arrayOf, string>> = {
  bool: 'boolean',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  text: 'text',
  bytea: 'bytea',
  uuid: 'uuid',
}

function packMessages(
  messages: readonly PlacedMessage[],
  schema: string,
  names: Names,
): readonly Statement[] {
  if (messages.length === 0) return []
  const code = (name: string): number => names.codeOf(name)
  const ended = messages.filter(({ ending }) => ending !== null)
  const waiting = messages.filter(({ wait }) => wait !== null)
  const frames = messages.flatMap(({ seq, records }) => records.map((record) => ({ seq, ...record })))
  const fields = messages.flatMap(({ seq, index }) =>
    Object.entries(index ?? {}).map(([field, value]) => ({ seq, field, value })),
  )
  return [
    ...putNames(schema, messages, code),
    ...putAll(schema, 'records', [
      ['seq', 'int8', frames.map(({ seq }) => seq)],
      ['n', 'int4', frames.map(({ n }) => n)],
      ['frame', 'bytea', frames.map(({ frame }) => frame)],
    ]),
    ...putAll(schema, 'settlements', endingColumns(ended, code)),
    ...putAll(schema, 'messages', messageColumns(messages, code)),
    ...putAll(schema, 'message_index', [
      ['seq', 'int8', fields.map(({ seq }) => seq)],
      ['field', 'text', fields.map(({ field }) => field)],
      ['value', 'text', fields.map(({ value }) => value)],
    ]),
    ...putAll(schema, 'waits', waitColumns(waiting, code)),
    ...putFamilies(schema, messages),
    ...putTallies(schema, messages, code),
  ]
}

type Code = (name: string) => number

function putNames(schema: string, messages: readonly PlacedMessage[], code: Code): readonly Statement[] {
  const all = [
    ...new Set(messages.flatMap(({ flow, codeVersion, wait }) => [flow, codeVersion, wait?.flow ?? flow])),
  ]
  const columns: readonly Column[] = [
    ['id', 'int8', all.map(code)],
    ['name', 'text', all],
  ]
  // A name with the number of another one is refused by the unique number: the condition does not hold for it.
  return putAll(
    schema,
    'names',
    columns,
    'ON CONFLICT (id) DO UPDATE SET id = CASE WHEN t.name = excluded.name THEN t.id END',
  )
}

function messageColumns(messages: readonly PlacedMessage[], code: Code): readonly Column[] {
  const parents = messages.map(({ parent }) => parent)
  return [
    ['seq', 'int8', messages.map(({ seq }) => seq)],
    ['accepted_at', 'int8', messages.map(({ acceptedAt }) => acceptedAt)],
    ['flow', 'int8', messages.map(({ flow }) => code(flow))],
    ['code_version', 'int8', messages.map(({ codeVersion }) => code(codeVersion))],
    ['parent_seq', 'int8', parents.map((parent) => parent?.seq ?? null)],
    ['parent_index', 'int8', parents.map((parent) => parent?.index ?? null)],
    ['size', 'int4', messages.map(({ body }) => body.byteLength)],
    ['partition', 'int2', messages.map(partitionOf)],
    ['key', 'text', messages.map(({ key }) => key)],
    ['token', 'text', messages.map(({ token }) => token)],
    ['headers', 'text', messages.map(({ headers }) => JSON.stringify(headers))],
    ['parent_id', 'text', parents.map((parent) => parent?.id ?? null)],
    ['parent_path', 'text', parents.map((parent) => parent?.path ?? null)],
    ['body', 'bytea', messages.map(({ body }) => body)],
  ]
}

const partitionOf = ({ partition }: PlacedMessage): number => partition ?? 0

function endingColumns(ended: readonly PlacedMessage[], code: Code): readonly Column[] {
  const endings = ended.map(({ ending }) => ending as Settlement)
  return [
    ['seq', 'int8', endings.map(({ seq }) => seq)],
    ['ended_at', 'int8', endings.map(({ endedAt }) => endedAt)],
    ['flow', 'int8', ended.map(({ flow }) => code(flow))],
    ['attempt', 'int4', endings.map(({ attempt }) => attempt)],
    ['n', 'int4', endings.map(({ n }) => n)],
    ['ending', 'int2', endings.map(({ ending }) => endingCode(ending))],
    ['child', 'bool', ended.map(({ parent }) => parent !== null)],
    ['reason', 'text', endings.map(({ reason }) => reason)],
    ['frame', 'bytea', endings.map(({ frame }) => frame)],
  ]
}

function waitColumns(waiting: readonly PlacedMessage[], code: Code): readonly Column[] {
  const waits = waiting.map(({ wait }) => wait as Wait)
  return [
    ['seq', 'int8', waits.map(({ seq }) => seq)],
    ['flow', 'int8', waits.map(({ flow }) => code(flow))],
    ['wake_at', 'int8', waits.map(({ wakeAt }) => wakeAt)],
    ['parent', 'int8', waits.map(({ parent }) => parent)],
    ['accepted_at', 'int8', waiting.map(({ acceptedAt }) => acceptedAt)],
    ['home', 'int8', waiting.map(({ flow }) => code(flow))],
    ['made', 'int8', waiting.map(({ parent }) => parent?.seq ?? null)],
    ['attempt', 'int4', waits.map(({ attempt }) => attempt)],
    ['bytes', 'int4', waiting.map(({ body }) => body.byteLength)],
    ['partition', 'int2', waiting.map(partitionOf)],
    ['reason', 'int2', waits.map(({ reason }) => reasonCode(reason))],
    ['kin', 'int2', waiting.map(kinOf)],
    ['hold', 'bool', waits.map(({ hold }) => hold)],
    [
      'lane',
      'bool',
      waits.map(({ parent, hold, reason }) => parent === null && (hold || reason === 'ready')),
    ],
    ['key', 'text', waits.map(({ key }) => key)],
    ['path', 'text', waiting.map(({ parent }) => parent?.path ?? null)],
  ]
}

function kinOf({ wait, parent }: PlacedMessage): number {
  if (wait !== null && wait.parent !== null) return kin.awaited
  return parent === null ? kin.root : kin.free
}

/** Children that have not ended, by parent and step. */
function putFamilies(schema: string, messages: readonly PlacedMessage[]): readonly Statement[] {
  const open = new Map<string, { parent: number; path: string; count: number }>()
  for (const { parent, ending } of messages) {
    if (parent === null || ending !== null) continue
    const name = `${parent.seq} ${parent.path}`
    const found = open.get(name) ?? { parent: parent.seq, path: parent.path, count: 0 }
    found.count += 1
    open.set(name, found)
  }
  const rows = [...open.values()]
  return putAll(
    schema,
    'families',
    [
      ['parent', 'int8', rows.map(({ parent }) => parent)],
      ['path', 'text', rows.map(({ path }) => path)],
      ['open', 'int8', rows.map(({ count }) => count)],
    ],
    'ON CONFLICT (parent, path) DO UPDATE SET open = t.open + excluded.open',
  )
}

function putTallies(schema: string, messages: readonly PlacedMessage[], code: Code): readonly Statement[] {
  const counts = new Map<string, { flow: string; slot: number; count: number }>()
  const add = (flow: string, slot: number): void => {
    const name = `${slot} ${flow}`
    const found = counts.get(name) ?? { flow, slot, count: 0 }
    found.count += 1
    counts.set(name, found)
  }
  for (const message of messages) {
    const { flow, wait, ending, parent } = message
    if (ending !== null) add(flow, slots.ending(endingCode(ending.ending), parent !== null))
    else if (wait !== null) add(wait.flow, slots.wait(reasonCode(wait.reason), kinOf(message) !== kin.root))
  }
  const rows = [...counts.values()]
  if (rows.length === 0) return []
  return [
    {
      text: `INSERT INTO ${schema}.tallies AS t SELECT u.flow, u.slot, 0, u.count
        FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS u(flow, slot, count)
        ON CONFLICT ON CONSTRAINT tallies_pkey DO UPDATE SET count = t.count + excluded.count`,
      values: [
        arrayOf.int8(rows.map(({ flow }) => code(flow))),
        arrayOf.int2(rows.map(({ slot }) => slot)),
        arrayOf.int8(rows.map(({ count }) => count)),
      ],
    },
  ]
}

function cellColumns(cells: readonly MovedCell[]): readonly Column[] {
  return [
    ['id', 'uuid', cells.map(({ scope, key }) => digestOf(scope, key))],
    ['scope', 'text', cells.map(({ scope }) => scope)],
    ['key', 'text', cells.map(({ key }) => key)],
    ['until', 'int8', cells.map(({ until }) => until)],
    ['value', 'bytea', cells.map(({ value }) => value)],
  ]
}

function keyColumns(keys: readonly MovedDedupeKey[]): readonly Column[] {
  const isChild = (id: string): boolean => id.includes('~')
  return [
    ['id', 'uuid', keys.map(({ scope, key }) => digestOf(scope, key))],
    ['seq', 'int8', keys.map(({ seq }) => seq)],
    ['until', 'int8', keys.map(({ until }) => until)],
    ['scope', 'text', keys.map(({ scope }) => scope)],
    ['key', 'text', keys.map(({ key }) => key)],
    ['token', 'text', keys.map(({ id }) => (isChild(id) ? '' : id.slice(id.indexOf('-') + 1)))],
    ['child', 'text', keys.map(({ id }) => (isChild(id) ? id : null))],
  ]
}

function cursorColumns(cursors: readonly Cursor[]): readonly Column[] {
  return [
    ['name', 'text', cursors.map(({ name }) => name)],
    ['value', 'text', cursors.map(({ value }) => value)],
  ]
}
