import { durationMs } from '../../model/duration.ts'
import type { Guarantee } from '../../model/guarantee.ts'
import type { CallBatch, CallContext, ConnectionDeclaration, Operation } from '../connector.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import { execute } from './execute.ts'
import { type EffectGuarantee, REMEMBERED } from './guarantees.ts'
import type {
  ExecuteOptions,
  InsertOptions,
  OperationOptions,
  QueryOptions,
  UpsertOptions,
  WriteOptions,
} from './operation-options.ts'
import { query } from './query.ts'
import type { Row } from './row.ts'
import type { Conflict, RowInput } from './rows-statement.ts'
import type { SqlClient } from './sql-client.ts'
import type { SqlResult } from './work.ts'
import { type RowWriting, type Written, writeOne, writeSeveral } from './write-rows.ts'

/** Options with the types of their inputs left behind. */
type Untyped<O> = O & { readonly guarantee?: EffectGuarantee }

/** The makers of a connection's operations. */
export interface MakesOperations {
  execute(options: Untyped<ExecuteOptions<never>>): Operation<never, SqlResult>
  insert(options: Untyped<InsertOptions<never>>): Operation<never, Written>
  upsert(options: Untyped<UpsertOptions<never>>): Operation<never, Written>
  query(options: QueryOptions<never>): Operation<never, readonly Row[]>
  find(options: QueryOptions<never>): Operation<never, Row | null>
}

const NATURAL: EffectGuarantee = { kind: 'natural' }
const MOST_ROWS = 1_000
const BATCH = 500

type Run<Out> = (client: SqlClient, input: never, call: CallContext) => Promise<Out>

/** Makes the makers of a connection's operations, each of which has a name of its own. */
export function makeOperations(connection: ConnectionDeclaration): MakesOperations {
  const names = new Set<string>()
  const what = ({ name }: OperationOptions): string => `"${name}" on the connection "${connection.name}"`

  const operation = <Out>(
    options: OperationOptions,
    guarantee: Guarantee,
    run: Run<Out>,
    batch?: CallBatch<never, Out>,
  ): Operation<never, Out> => {
    check(connection.name, options, guarantee, names)
    return {
      connection,
      name: options.name,
      guarantee,
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      run: run as Operation<never, Out>['run'],
      ...(batch === undefined ? {} : { batch }),
    }
  }

  const read = (options: QueryOptions<never>): Run<readonly Row[]> => {
    const { statement, most = MOST_ROWS } = options
    return (client, input, call) => query(what(options), statement as never, most, client, input, call)
  }

  const write = (
    options: WriteOptions<never>,
    guarantee: EffectGuarantee,
    conflict: Conflict,
  ): Operation<never, Written> => {
    const target = { table: options.table, conflict }
    const rowsOf = rowsBy(connection.name, options)
    const writing: RowWriting = { what: what(options), target, guarantee, rowsOf }
    return operation<Written>(
      options,
      guarantee,
      (client, input, call) => writeOne(writing, client, input, call),
      {
        max: batchOf(connection.name, options),
        run: (client, calls) => writeSeveral(writing, client as SqlClient, calls),
      },
    )
  }

  return {
    execute(options) {
      const { statement, guarantee = REMEMBERED } = options
      return operation(options, guarantee, (client, input, call) =>
        execute(what(options), statement as never, guarantee, client, input, call),
      )
    },
    insert: (options) =>
      write(options, options.guarantee ?? REMEMBERED, { kind: options.existing ?? 'fail' }),
    upsert(options) {
      const { key, update } = options
      if (!Array.isArray(key) || key.length === 0)
        throw invalidOperation(
          connection.name,
          options.name,
          "needs a key: the columns by which a row is known, as ['id']",
        )
      const conflict = { kind: 'overwrite', key, ...(update === undefined ? {} : { update }) } as const
      return write(options, options.guarantee ?? NATURAL, conflict)
    },
    query: (options) => operation(options, NATURAL, read(options)),
    find(options) {
      const all = read(options)
      return operation(
        options,
        NATURAL,
        async (client, input, call) => (await all(client, input, call))[0] ?? null,
      )
    },
  }
}

/** Only columns that the code names are written: what else a message holds does not reach the table. */
function rowsBy(
  connection: string,
  { name, columns, row }: WriteOptions<never>,
): (input: unknown) => readonly RowInput[] {
  if (typeof row === 'function')
    return (input) => {
      const rows = row(input as never) as RowInput | readonly RowInput[]
      return Array.isArray(rows) ? rows : [rows as RowInput]
    }
  const named: readonly string[] = columns ?? []
  if (named.length === 0)
    throw invalidOperation(
      connection,
      name,
      "needs columns: ['id', 'title'], or row: (input) => ({ … }), so that it is said what is written",
    )
  return (input) => [Object.fromEntries(named.map((column) => [column, (input as RowInput)[column]]))]
}

function check(
  connection: string,
  options: OperationOptions,
  guarantee: Guarantee,
  names: Set<string>,
): void {
  const { name, timeout } = options
  checkOperationName(connection, name)
  if (names.has(name))
    throw invalidOperation(connection, name, 'exists already; the name of an operation is its identity')
  names.add(name)
  if (guarantee.kind === 'key') durationMs(guarantee.validFor)
  if (timeout !== undefined) durationMs(timeout)
}

function batchOf(connection: string, { name, batch = BATCH }: WriteOptions<never>): number {
  if (Number.isInteger(batch) && batch >= 1 && batch <= 10_000) return batch
  throw invalidOperation(
    connection,
    name,
    `has the batch ${batch}: it must be a whole number from 1 to 10000`,
  )
}
