import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, it } from 'vitest'

const here = import.meta.dirname

function imports(): readonly { readonly file: string; readonly from: string }[] {
  return readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(here, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
        ([, from = '']) => ({
          file,
          from,
        }),
      ),
    )
}

it('reaches nothing outside of it but by the doors of packages', () => {
  const found = imports()
  expect(found.length).toBeGreaterThan(50)
  const outside = found.filter(
    ({ file, from }) =>
      from.startsWith('.') && relative(here, resolve(here, dirname(file), from)).startsWith('..'),
  )
  expect(outside).toEqual([])
})

it('uses of the library what anybody can use over HTTP, and types', () => {
  const values = imports().filter(
    ({ file, from }) => !file.endsWith('.test.ts') && from.startsWith('linkspan'),
  )
  const typed = readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.test)\.tsx?$/.test(file))
    .flatMap((file) => [
      ...readFileSync(join(here, file), 'utf8').matchAll(
        /^import (?!type)\{([^}]*)\} from 'linkspan[^']*'/gm,
      ),
    ])
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '))
  expect(values.length).toBeGreaterThan(5)
  expect([...new Set(typed)].sort()).toEqual(['createAdminClient', 'isLinkspanError'])
})
