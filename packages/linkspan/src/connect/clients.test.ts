import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { clientsOf, importClient, installCommand } from './clients.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'linkspan-clients-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

/** Installs a package of one file in the project. */
function install(name: string, manifest: object, text: string): void {
  const folder = join(directory, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', ...manifest }))
  writeFileSync(join(folder, 'main.js'), text)
}

const nowhere = pathToFileURL(join(tmpdir(), 'nowhere', 'x.js')).href
const client = { package: '@acme/client', range: '^2.9.0' }

it.each([
  ['a package of CommonJS', { main: 'main.js' }, "exports.word = 'hello'"],
  [
    'a package for require and import',
    { exports: './main.js', type: 'module' },
    "export const word = 'hello'",
  ],
  [
    'a package for import alone',
    {
      type: 'module',
      exports: { '.': { types: './main.d.ts', browser: './no.js', import: { node: './main.js' } } },
    },
    "export const word = 'hello'",
  ],
  [
    'a package for import alone, without sub-paths',
    { type: 'module', exports: { import: './main.js' } },
    "export const word = 'hello'",
  ],
])('imports %s from the project', async (_what, manifest, text) => {
  install('@acme/client', manifest, text)
  expect(await importClient<object>(client, { directory }, client.package, nowhere)).toMatchObject({
    word: 'hello',
  })
})

it('imports a part of a package', async () => {
  install(
    '@acme/client',
    { type: 'module', exports: { './part': { import: './main.js' } } },
    'export const part = 1',
  )
  expect(await importClient<object>(client, { directory }, '@acme/client/part', nowhere)).toMatchObject({
    part: 1,
  })
})

it('takes the one beside the library where the project has none', async () => {
  const pg = await importClient<{ Pool?: unknown; default?: { Pool?: unknown } }>(
    { package: 'pg', range: '^8.23.0' },
    { directory },
  )
  expect(pg.Pool ?? pg.default?.Pool).toBeTypeOf('function')
})

it('says what to install when it is missing', async () => {
  await expect(importClient(client, { directory }, client.package, nowhere)).rejects.toMatchObject({
    code: 'CLIENT_MISSING',
    message: `The connector needs the package "@acme/client", which is not installed in ${directory}. Run: npm install @acme/client@2`,
    details: { package: '@acme/client', install: 'npm install @acme/client@2' },
  })
})

it('says why one that is there cannot be loaded', async () => {
  install('@acme/client', { main: 'main.js' }, "throw new Error('built for another Node')")
  await expect(importClient(client, { directory }, client.package, nowhere)).rejects.toMatchObject({
    code: 'CLIENT_MISSING',
    message: expect.stringContaining(
      'cannot be loaded (built for another Node). Run: npm install @acme/client@2',
    ),
  })
})

it.each([
  ['^8.23.0', 'npm install x@8'],
  ['~3.1.0', 'npm install x@3'],
  ['^0.4.2', 'npm install x@0.4'],
  ['5', 'npm install x@5'],
  ['*', 'npm install x'],
])('makes of the range %s the command %s', (range, command) => {
  expect(installCommand({ package: 'x', range })).toBe(command)
})

it('lists no client, one or several', () => {
  const spec = { summary: '', stability: 'stable', options: [] } as const
  expect(clientsOf(spec)).toEqual([])
  expect(clientsOf({ ...spec, client })).toEqual([client])
  expect(clientsOf({ ...spec, client: [client, client] })).toHaveLength(2)
})
