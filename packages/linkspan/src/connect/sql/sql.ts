import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'

/**
 * A value that a statement carries. Objects and lists go as JSON text, a `Date` as its UTC time, `true` and `false` as the
 * database has them.
 */
export type SqlValue = Json | bigint | Date | Uint8Array

const BRAND: unique symbol = Symbol.for('linkspan.sql') as never

/** A statement or a piece of one. Made by {@link sql}, which no data can imitate. */
export interface Sql {
  readonly [BRAND]: readonly Token[]
}

/** Text as it stands, a value for a placeholder, or a name to be quoted. */
type Token = string | { readonly value: SqlValue } | { readonly name: string }

/** A statement as a client takes it. */
export interface Statement {
  readonly text: string
  readonly values: readonly SqlValue[]
}

/** How a database writes placeholders and names. */
export interface Writing {
  placeholder(nth: number): string
  quote(name: string): string
}

function made(tokens: readonly Token[]): Sql {
  return { [BRAND]: tokens }
}

function isSql(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && BRAND in value
}

function template(texts: TemplateStringsArray, ...values: readonly (SqlValue | Sql)[]): Sql {
  const tokens: Token[] = [texts[0] as string]
  values.forEach((value, at) => {
    if (value === undefined) throw undefinedValue(at)
    if (isSql(value)) tokens.push(...value[BRAND])
    else tokens.push({ value })
    tokens.push(texts[at + 1] as string)
  })
  return made(tokens)
}

function undefinedValue(at: number): LinkspanError {
  return new LinkspanError(
    'STEP_FAILED',
    `The value number ${at + 1} of an sql statement is undefined. Give null where there is none.`,
  )
}

/** A name, quoted: `sql.name('orders')`; with a dot, each part of it: `sql.name('sales.orders')`. */
function name(given: string): Sql {
  const parts = given.split('.')
  return made(parts.flatMap((part, at) => (at === 0 ? [{ name: part }] : ['.', { name: part }])))
}

/** The name of a column, quoted as a whole. */
function column(given: string): Sql {
  return made([{ name: given }])
}

/** Values with commas between them, for `in (…)`. */
function list(values: readonly SqlValue[]): Sql {
  if (values.length === 0)
    throw new LinkspanError(
      'STEP_FAILED',
      'sql.list was given no values, and "in ()" is no SQL. Ask for nothing where there is nothing to ask for.',
    )
  return join(values.map((value) => made([{ value }])))
}

/** Pieces with a separator between them. */
function join(pieces: readonly Sql[], separator = ', '): Sql {
  return made(pieces.flatMap((piece, at) => (at === 0 ? piece[BRAND] : [separator, ...piece[BRAND]])))
}

/** Text that is taken as it stands. Never anything that comes from a message. */
function raw(text: string): Sql {
  return made([text])
}

/** The tag of {@link sql}, with the makers of pieces. */
export interface SqlTag {
  (texts: TemplateStringsArray, ...values: readonly (SqlValue | Sql)[]): Sql
  readonly name: (given: string) => Sql
  readonly column: (given: string) => Sql
  readonly list: (values: readonly SqlValue[]) => Sql
  readonly join: (pieces: readonly Sql[], separator?: string) => Sql
  readonly raw: (text: string) => Sql
}

/**
 * Writes a statement. What stands in `${…}` is sent as a value, never as text of the statement; other pieces made by `sql`
 * are put in as they are.
 *
 * @example
 * ```ts
 * import { sql } from 'linkspan/sql'
 * const byState = (states: readonly string[]) => sql`where state in (${sql.list(states)})`
 * const open = sql`select id, title from ${sql.name('tasks')} ${byState(['new', 'active'])} order by id`
 * ```
 * @throws {LinkspanError} `STEP_FAILED` for a value that is undefined and for an empty `sql.list`.
 */
export const sql: SqlTag = tag()

/** A function's own `name` cannot be assigned, only defined. */
function tag(): SqlTag {
  const tagged = (texts: TemplateStringsArray, ...values: readonly (SqlValue | Sql)[]): Sql =>
    template(texts, ...values)
  for (const [key, value] of Object.entries({ name, column, list, join, raw }))
    Object.defineProperty(tagged, key, { value, enumerable: true })
  return tagged as unknown as SqlTag
}

/** A statement as a database takes it. */
export function render(statement: Sql, writing: Writing): Statement {
  if (!isSql(statement))
    throw new LinkspanError('STEP_FAILED', 'A statement has to be made by the tag sql: sql`select 1`.')
  const values: SqlValue[] = []
  const text = statement[BRAND]
    .map((token) => {
      if (typeof token === 'string') return token
      return 'name' in token ? writing.quote(token.name) : writing.placeholder(values.push(token.value))
    })
    .join('')
  return { text, values }
}
