import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { statusOf } from '../../packages/linkspan/src/serve/problem.ts'
import { root } from '../../scripts/lib/files.ts'

/** Where codes stand that nobody throws there. */
const TABLES = ['model/errors.ts', 'serve/problem.ts', 'cli/failure.ts']
const union = /export type ErrorCode =\n((?: {2}\| '[A-Z_]+'\n)+)/.exec(
  readFileSync(join(root, 'packages/linkspan/src/model/errors.ts'), 'utf8'),
)
const codes = [...(union?.[1] ?? '').matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code as string)

/** The rows of the table: code, HTTP status, when, what to do. */
const rows = [
  ...readFileSync(join(root, 'docs/guide/errors.md'), 'utf8').matchAll(
    /^\| `([A-Z_]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$/gm,
  ),
].map(([, code = '', status = '', when = '', advice = '']) => ({
  code,
  status: Number(status),
  when,
  advice,
}))

it('errors.md has each code of the union, in its order, and no other', () => {
  expect(codes.length).toBeGreaterThan(40)
  expect(rows.map(({ code }) => code)).toEqual(codes)
})

it('each code is thrown somewhere', () => {
  const library = join(root, 'packages/linkspan/src')
  const text = readdirSync(library, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !TABLES.includes(name))
    .map((name) => readFileSync(join(library, name), 'utf8'))
    .join('\n')
  expect(codes.filter((code) => !text.includes(`'${code}'`))).toEqual([])
})

it.each(rows.map((row) => [row.code, row] as const))('%s is told with its status and advice', (code, row) => {
  expect(row.status).toBe(statusOf(code as never))
  expect(row.when.length).toBeGreaterThan(10)
  expect(row.advice.length).toBeGreaterThan(5)
})
