import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { probeInChild } from './dev/child-processes.ts'
import { tempFolder } from './fixtures/temp-folder.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'linkspan.js')
const CREATE = join(import.meta.dirname, '..', '..', '..', 'create-linkspan', 'bin', 'create-linkspan.js')

function linkspan(directory: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd: directory,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const PACKAGE = '{"type":"module"}'

test('the program starts from its sources and prints its version', () => {
  expect(linkspan(tempFolder(), '--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' })
})

test('an older Node is told what is needed', () => {
  const folder = tempFolder({
    'old.mjs': `Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); await import(${JSON.stringify(BIN)})`,
  })
  const { status, stderr } = spawnSync(process.execPath, ['old.mjs'], { cwd: folder, encoding: 'utf8' })
  expect(status).toBe(3)
  expect(stderr).toContain('Linkspan needs Node 24 or newer. This is Node 20.1.0')
  expect(stderr).toContain('npx linkspan')
})

test('npm create linkspan calls init', () => {
  const folder = tempFolder()
  const { status, stdout } = spawnSync(process.execPath, [CREATE, 'my-hub'], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect(stdout).toContain('cd my-hub')
  expect(status).toBe(0)
  expect(existsSync(join(folder, 'my-hub', 'flows', 'hello.ts'))).toBe(true)
})

test.each([
  [
    'a syntax error',
    { 'flows/hello.ts': 'export const a = 1\nexport const b = (\n' },
    /flows\/hello\.ts:[23]: SyntaxError: /,
    'Correct the syntax',
  ],
  [
    'a name declared twice',
    { 'flows/hello.ts': 'const a = 1\nconst a = 2\n' },
    /flows\/hello\.ts: SyntaxError: Identifier 'a' has already been declared/,
    '',
  ],
  [
    'an enum',
    { 'flows/hello.ts': '\nenum A { x }\n' },
    /flows\/hello\.ts:2: SyntaxError: TypeScript enum is not supported/,
    'Use a union of strings',
  ],
  [
    'a missing package',
    { 'flows/hello.ts': "\n\nimport { z } from 'no-such-package-here'\n" },
    /flows\/hello\.ts:3: Cannot find package 'no-such-package-here'/,
    'npm install no-such-package-here',
  ],
  [
    'a missing file',
    { 'flows/hello.ts': "import { b } from './gone.ts'\n" },
    /flows\/hello\.ts:1: Cannot find module/,
    'Correct the path',
  ],
  [
    'a thrown error',
    { 'flows/hello.ts': 'const a: any = undefined\n\nexport const b = a.foo.bar\n' },
    /flows\/hello\.ts:3: TypeError: Cannot read properties of undefined/,
    '3 | export const b = a.foo.bar',
  ],
  [
    'a thrown value',
    { 'flows/hello.ts': 'throw { odd: true }\n' },
    /it threw \[object Object\], which is no Error/,
    '',
  ],
])('a project file with %s is told by place', (_what, files, said, hint) => {
  const folder = tempFolder({
    'package.json': PACKAGE,
    'linkspan.config.ts': "import './flows/hello.ts'\nexport default {}\n",
    ...files,
  })
  const { status, stdout, stderr } = linkspan(folder, 'graph')
  expect(stderr).toMatch(/^error: The project does not load: /)
  expect(stderr).toMatch(said)
  expect(stderr).toContain(hint)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(stdout).toBe('')
  expect(status).toBe(3)
})

const settings = (directory: string) => ({ bin: BIN, directory })

test('a probe in a process of its own answers why a project does not load, and which files it saw', async () => {
  const folder = tempFolder({
    'package.json': PACKAGE,
    'linkspan.config.ts': "import './a.ts'\nexport default 7\n",
    'a.ts': '',
  })
  const probe = await probeInChild(settings(folder), join(folder, 'linkspan.config.ts'))
  expect(probe).toMatchObject({ ok: false, error: expect.stringContaining('is no project: it is a number') })
  expect(probe.files).toEqual([join(folder, 'linkspan.config.ts'), join(folder, 'a.ts')])
})

test('a project that ends its process while loading is told of', async () => {
  const folder = tempFolder({ 'package.json': PACKAGE, 'linkspan.config.ts': 'process.exit(7)\n' })
  const probe = await probeInChild(settings(folder), join(folder, 'linkspan.config.ts'))
  expect(probe).toMatchObject({
    ok: false,
    error: expect.stringContaining('ended the process that loaded it (exit code 7)'),
  })
})
