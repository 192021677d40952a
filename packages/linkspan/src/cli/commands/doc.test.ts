import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ENTRIES } from '../../catalogue/index.ts'
import { fakeCli } from '../fixtures/fake-cli.ts'

const self = { folder: fileURLToPath(new URL('../../..', import.meta.url)), checkout: true }
const cli = (more: Parameters<typeof fakeCli>[0] = {}) => fakeCli({ self, ...more })

test('doc lists all patterns by family', async () => {
  const line = cli()
  expect(await line.run('doc')).toBe(0)
  const text = line.stdout()
  for (const { name, family } of ENTRIES) {
    expect(text).toContain(`\n${name}  `)
    expect(text).toContain(family)
  }
  expect(text).not.toMatch(/\*\w/)
  expect(line.stderr()).toMatch(/^68 patterns, \d+ with a page/)
})

test('doc --json lists them as data', async () => {
  const line = cli()
  expect(await line.run('doc', '--json')).toBe(0)
  const all = JSON.parse(line.stdout()) as { name: string; state: string }[]
  expect(all.map(({ name }) => name)).toEqual(ENTRIES.map(({ name }) => name))
  expect(all.find(({ name }) => name === 'Message Filter')).toMatchObject({
    slug: 'message-filter',
    state: 'shown',
    elsewhere: { camel: ['filter'] },
  })
})

test.each([
  ['filter', 'Message Filter'],
  ['Message Filter', 'Message Filter'],
  ['deadLetterChannel', 'Dead Letter Channel'],
])('doc %s prints the page', async (name, title) => {
  const line = cli()
  expect(await line.run('doc', name)).toBe(0)
  const text = line.stdout()
  expect(text.startsWith(`${title}\n`)).toBe(true)
  for (const part of ['Example', 'Durability', 'Failure', 'Elsewhere']) expect(text).toContain(`\n${part}\n`)
  expect(text).toContain('└─ ')
  expect(text).not.toMatch(/<!--|```|!\[/)
})

test('doc takes a name of several words', async () => {
  const line = cli()
  expect(await line.run('doc', 'dead', 'letter', 'channel')).toBe(0)
  expect(line.stdout()).toMatch(/^Dead Letter Channel\n/)
})

test('doc NAME --json has the page as Markdown', async () => {
  const line = cli()
  expect(await line.run('doc', 'filter', '--json')).toBe(0)
  const { name, page } = JSON.parse(line.stdout()) as { name: string; page: string }
  expect(name).toBe('Message Filter')
  expect(page).toContain('# Message Filter')
})

test('doc of an entry without a page says so', async () => {
  const missing = ENTRIES.find(({ state }) => state === 'not built yet')
  if (missing === undefined) return
  const line = cli()
  expect(await line.run('doc', missing.name)).toBe(0)
  expect(line.stdout()).toContain('In Linkspan: not built yet.')
})

test('doc of a foreign name shows all that it stands for', async () => {
  const line = cli()
  expect(await line.run('doc', 'Execute Sub-workflow')).toBe(0)
  expect(line.stdout()).toContain('  Kamelet')
  expect(line.stdout()).toBe('')
  expect(await line.run('doc', 'doTry')).toBe(0)
  expect(line.stdout()).toMatch(/^doTry, doCatch, doFinally\n\nthe step `try`/)
})

test('doc of an unknown name suggests others', async () => {
  const line = cli()
  expect(await line.run('doc', 'wiretapp')).toBe(1)
  expect(line.stderr()).toBe(
    'error: No pattern and no connector is called "wiretapp". Did you mean Wire Tap?\n',
  )
  expect(line.stdout()).toBe('')
})

test('a package without its pages says which file is missing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-package-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "linkspan", "exports": {} }')
  const line = cli({ self: { folder, checkout: false } })
  expect(await line.run('doc', 'filter')).toBe(3)
  const file = join(folder, 'dist', 'pages', 'patterns', 'message-filter.md')
  expect(line.stderr()).toContain(`${file} cannot be read.`)
  rmSync(folder, { recursive: true })
})

test.each(['http', 'linkspan/http', 'HTTP'])(
  'doc %s prints what the connector says of itself',
  async (name) => {
    const line = cli()
    expect(await line.run('doc', name)).toBe(0)
    const text = line.stdout()
    expect(text).toMatch(/^http\n\nCalls of any HTTP service/)
    expect(text).toContain('Import it from `linkspan/http`.')
    for (const part of ['The connection', 'Sources', 'Operations']) expect(text).toContain(`\n${part}\n`)
    expect(text).toMatch(/`baseUrl` +`URL`/)
    expect(text).toMatch(/`post` +`key`, `verify`, `natural`, `none`/)
    expect(text).not.toMatch(/<!--|\|---/)
  },
)

test('doc of a connector --json has its spec as data', async () => {
  const line = cli()
  expect(await line.run('doc', 'schedule', '--json')).toBe(0)
  expect(JSON.parse(line.stdout())).toMatchObject({
    name: 'schedule',
    door: 'linkspan/schedule',
    stability: 'stable',
    sources: [{ name: 'schedule', kind: 'poll' }],
  })
})

test('doc lists the connectors behind the patterns', async () => {
  const line = cli()
  expect(await line.run('doc')).toBe(0)
  expect(line.stdout()).toMatch(/\nConnectors\n+http +Calls of any HTTP/)
})

test('a package that cannot be read says so', async () => {
  const line = cli({ self: { folder: '/nowhere', checkout: false } })
  expect(await line.run('doc', 'http')).toBe(3)
  expect(line.stderr()).toContain(`${join('/nowhere', 'package.json')} cannot be read.`)
})
