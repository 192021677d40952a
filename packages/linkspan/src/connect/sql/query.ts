import { LinkspanError } from '../../model/errors.ts'
import type { CallContext } from '../connector.ts'
import type { Row } from './row.ts'
import { render, type Sql } from './sql.ts'
import type { SqlClient } from './sql-client.ts'

/** Runs a statement that reads. */
export async function query(
  what: string,
  statement: (input: unknown) => Sql,
  most: number,
  client: SqlClient,
  input: unknown,
  call: CallContext,
): Promise<readonly Row[]> {
  const rendered = render(statement(input), client.dialect)
  const { rows } = await client.each(what, (run) => run(rendered), call)
  if (rows.length <= most) return rows
  throw new LinkspanError(
    'CALL_REJECTED',
    `${what} read ${rows.length} rows, and at most ${most} are allowed, as they are kept with the message. Narrow the statement, raise its "most", or read the table by a source, which takes it in pages.`,
  )
}
