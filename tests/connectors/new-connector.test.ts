import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Run, run, tool } from '../../scripts/lib/command.ts'
import { root } from '../../scripts/lib/files.ts'
import { NODE_OPTIONS } from '../../scripts/lib/node-options.ts'

/** What beginning a connector and trying it takes. */
const PARTS = [
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'biome.json',
  'vitest.config.ts',
  'README.md',
  'scripts',
  'packages/linkspan',
  'tests/connectors',
  'tests/planted-tree.ts',
]

let copy: string

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'linkspan-new-connector-'))
  for (const part of PARTS) {
    mkdirSync(join(copy, part, '..'), { recursive: true })
    const filter = (path: string): boolean => !/\/(?:node_modules|dist)(?:\/|$)/.test(path.slice(root.length))
    cpSync(join(root, part), join(copy, part), { recursive: true, filter })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const own = join(root, 'packages', 'linkspan', 'node_modules')
  if (existsSync(own)) symlinkSync(own, join(copy, 'packages', 'linkspan', 'node_modules'))
})

afterAll(() => rmSync(copy, { recursive: true, force: true }))

const begin = (...args: readonly string[]): Promise<Run> =>
  run({
    file: process.execPath,
    args: [...NODE_OPTIONS, join(copy, 'scripts', 'new-connector.ts'), ...args],
    folder: copy,
  })

const inCopy = (script: string, ...args: readonly string[]): Promise<Run> =>
  run({ ...tool(script, ...args), folder: copy, limitMs: 10 * 60_000, group: true })

describe('npm run new:connector', () => {
  it('makes a folder that passes its tests, the test of the form, types and lint', async () => {
    const begun = await begin('acme-queue')
    expect(begun.output).toContain('packages/linkspan/src/connect/acme-queue/spec.ts')
    expect(begun.code, begun.output).toBe(0)

    const folder = join('packages', 'linkspan', 'src', 'connect', 'acme-queue')
    const tested = await inCopy('vitest/vitest.mjs', 'run', folder, 'tests/connectors/form.test.ts')
    expect(tested.code, tested.output).toBe(0)
    expect(tested.output).toMatch(/Test Files {2}2 passed/)

    const types = await inCopy('typescript/bin/tsc', '-p', 'packages/linkspan', '--noEmit')
    expect(types.code, types.output).toBe(0)
    const lint = await inCopy(
      '@biomejs/biome/bin/biome',
      'lint',
      '--error-on-warnings',
      '--vcs-enabled=false',
      folder,
    )
    expect(lint.code, lint.output).toBe(0)

    expect(readFileSync(join(copy, 'README.md'), 'utf8')).toContain("`'linkspan/acme-queue'`")
    const { exports } = JSON.parse(readFileSync(join(copy, 'packages/linkspan/package.json'), 'utf8'))
    expect(exports['./acme-queue'].default).toBe('./dist/connect/acme-queue/index.js')
    expect(readFileSync(join(copy, folder, 'README.md'), 'utf8')).toContain('| `token` | `string` |')
  })

  it.each([
    [[], 'Say what it is called: npm run new:connector NAME'],
    [['Acme'], '"Acme" is no name of a connector'],
    [['http'], 'packages/linkspan/src/connect/http is there already.'],
    [['serve'], 'The package has a door "linkspan/serve" already.'],
  ])('refuses %j', async (args, message) => {
    const refused = await begin(...args)
    expect(refused.code).toBe(2)
    expect(refused.output).toContain(message)
  })
})
