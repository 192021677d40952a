import type { Row } from './row.ts'
import { render, type Sql } from './sql.ts'
import type { Patience, SqlClient } from './sql-client.ts'

/** Asks for rows, each time by a statement that is a transaction by itself. */
export type Ask = (statement: Sql) => Promise<readonly Row[]>

/** How a source asks its database. */
export function asking(client: SqlClient, source: string, patience: Patience): Ask {
  return async (statement) => {
    const rendered = render(statement, client.dialect)
    return (await client.each(`The source "${source}"`, (run) => run(rendered), patience)).rows
  }
}
