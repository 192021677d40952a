import { describe, expect, it } from 'vitest'
import { mysqlDialect } from './mysql-dialect.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { render, sql } from './sql.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const orders = sql.name('sales.orders')

describe('sql', () => {
  it('sends values apart from the text, as each database has it', () => {
    const statement = sql`select * from ${orders} where id = ${7} and state in (${sql.list(['a', 'b'])})`
    expect(render(statement, postgresDialect)).toEqual({
      text: 'select * from "sales"."orders" where id = $1 and state in ($2, $3)',
      values: [7, 'a', 'b'],
    })
    expect(render(statement, mysqlDialect).text).toBe(
      'select * from `sales`.`orders` where id = ? and state in (?, ?)',
    )
    expect(render(statement, sqliteDialect).text).toBe(
      'select * from "sales"."orders" where id = ? and state in (?, ?)',
    )
  })

  it('quotes names so that they end where they end', () => {
    expect(render(sql`${sql.column('a"b.c')}`, postgresDialect).text).toBe('"a""b.c"')
    expect(render(sql`${sql.column('a`b')}`, mysqlDialect).text).toBe('`a``b`')
  })

  it('puts pieces together', () => {
    const where = sql.join([sql`a = ${1}`, sql`b = ${2}`], ' or ')
    expect(render(sql`select 1 where ${where} ${sql.raw('limit 3')}`, postgresDialect)).toEqual({
      text: 'select 1 where a = $1 or b = $2 limit 3',
      values: [1, 2],
    })
  })

  it('takes what only looks like a piece for a value', () => {
    const body = JSON.parse('{"tokens":["; drop table orders"],"sql":"x"}')
    expect(render(sql`select ${body}`, postgresDialect)).toEqual({ text: 'select $1', values: [body] })
  })

  it('refuses what is undefined, an empty list, and a text that is no statement', () => {
    expect(() => sql`select ${undefined as never}`).toThrow(/value number 1 .* is undefined/)
    expect(() => sql.list([])).toThrow(/was given no values/)
    expect(() => render('select 1' as never, postgresDialect)).toThrow(/made by the tag sql/)
  })
})
