import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf } from '../scripts/lib/imports.ts'
import { mask } from '../scripts/lib/mask.ts'
import { checkWalls } from '../scripts/lib/walls-check.ts'
import { walls } from '../scripts/walls.ts'
import { type Tree, treePlanter } from './planted-tree.ts'

/** A small library that keeps every wall and uses every gate that the walls leave open. */
const clean: Tree = {
  'index.ts': "export { flow } from './flow/flow.ts'\nexport * from './journal/index.ts'\n",
  'model/message.ts': "import { createHash } from 'node:crypto'\nexport const message = createHash\n",
  'model/outside.ts': 'export interface Clock {\n  setTimeout(run: () => void, ms: number): void\n}\n',
  'patterns/index.ts': "export { map } from './map.ts'\n",
  'patterns/pattern.ts': "import { message } from '../model/message.ts'\nexport const pattern = message\n",
  'patterns/steps.ts': 'export interface Steps<B> {\n  readonly body: B\n}\n',
  'patterns/map.ts':
    "import { pattern } from './pattern.ts'\n" +
    "declare module './steps.ts' {\n  interface Steps<B> {\n    map(f: (b: B) => B): Steps<B>\n  }\n}\n" +
    'export const map = pattern\n',
  'patterns/map.test.ts': "import { sqlite } from '../journal/sqlite/index.ts'\nsqlite(Date.now())\n",
  'connect/fixtures/world.ts':
    "export { engine } from '../../runtime/engine.ts'\nexport const now = Date.now()\n",
  'catalogue/catalogue.ts': "import { map } from '../patterns/index.ts'\nexport const entries = [map]\n",
  'flow/flow.ts':
    "import { map } from '../patterns/index.ts'\nimport type { Connector } from '../connect/connector.ts'\n" +
    'export const flow = (_: Connector) => map\n',
  'journal/journal.ts':
    "import type { message } from '../model/message.ts'\nexport type Journal = typeof message\n",
  'journal/records.ts':
    "import type { Journal } from './journal.ts'\nexport const record = (j: Journal) => j\n",
  'journal/index.ts': "export { sqlite } from './sqlite/index.ts'\n",
  'journal/sqlite/index.ts':
    "import { DatabaseSync } from 'node:sqlite'\nimport { record } from '../records.ts'\n" +
    'export const sqlite = (at: number) => [DatabaseSync, record, at]\n',
  'journal/simulated/index.ts':
    "import type { Journal } from '../journal.ts'\nexport const simulated = (j: Journal) => j\n",
  'connect/connector.ts':
    "import type { message } from '../model/message.ts'\nexport type Connector = typeof message\n",
  'connect/index.ts': "export type { Connector } from './connector.ts'\n",
  'connect/http/index.ts':
    "import { fetch } from 'undici'\nimport type { Connector } from '../index.ts'\n" +
    "export const http = (_: Connector) => fetch('http://127.0.0.1')\n",
  'connect/azure-devops/index.ts': "import { http } from '../http/index.ts'\nexport const connect = http\n",
  'connect/files/index.ts': "import { readFile } from 'node:fs/promises'\nexport const files = readFile\n",
  'runtime/engine.ts':
    "import type { Journal } from '../journal/journal.ts'\nimport type { Clock } from '../model/outside.ts'\n" +
    '// setTimeout(x) and fetch(x) stand in a comment\n' +
    "export const engine = (_: Journal, clock: Clock) => clock.setTimeout(() => 'Date.now()', 1)\n",
  'runtime/system-clock.ts': 'export const systemClock = { now: () => Date.now() }\n',
  'observe/metrics.ts':
    "import type { engine } from '../runtime/engine.ts'\nexport type Metrics = typeof engine\n",
  'engine/create-engine.ts':
    "import { engine } from '../runtime/engine.ts'\nexport const createEngine = () => engine\n",
  'serve/server.ts':
    "import { engine } from '../runtime/engine.ts'\n" +
    'export const server = {\n  fetch(request: Request) {\n    return [engine, request]\n  },\n}\n' +
    'export interface Handler {\n  fetch(request: Request): Promise<Response>\n}\n',
  'testing/index.ts':
    "import { simulated } from '../journal/simulated/index.ts'\nexport const kit = simulated\n",
  'cli/main.ts':
    "import { flow } from '../index.ts'\nimport { http } from '../connect/http/index.ts'\nconsole.log(flow, http)\n",
  'cli/templates/flow.ts': "import { flow } from 'linkspan'\nexport default flow\n",
}

const planted: readonly { readonly what: string; readonly files: Tree; readonly says: string }[] = [
  {
    what: 'model importing another room',
    files: { 'model/bad.ts': "\nimport { map } from '../patterns/map.ts'\nexport const bad = map\n" },
    says: "src/model/bad.ts:2: imports '../patterns/map.ts': that is in 'patterns', and 'model' may import only itself",
  },
  {
    what: 'a re-export over a wall',
    files: { 'model/bad.ts': "export * from '../flow/flow.ts'\n" },
    says: "that is in 'flow', and 'model'",
  },
  {
    what: 'a type import over a wall',
    files: {
      'flow/bad.ts': "import type { engine } from '../runtime/engine.ts'\nexport type Bad = typeof engine\n",
    },
    says: "that is in 'runtime', and 'flow'",
  },
  {
    what: 'a dynamic import over a wall',
    files: { 'runtime/bad.ts': "export const bad = () => import('../journal/sqlite/index.ts')\n" },
    says: "that is in 'journal/<name>', and 'runtime'",
  },
  {
    what: 'an augmentation over a wall',
    files: { 'model/bad.ts': "declare module '../flow/flow.ts' {\n  interface X {}\n}\nexport {}\n" },
    says: "that is in 'flow', and 'model'",
  },
  {
    what: 'an import through a multi-line clause',
    files: {
      'patterns/pattern.ts':
        "import {\n  engine,\n  // why\n} from '../runtime/engine.ts'\nexport const p = engine\n",
    },
    says: "src/patterns/pattern.ts:4: imports '../runtime/engine.ts'",
  },
  {
    what: 'the journal interface knowing a journal',
    files: {
      'journal/journal.ts': "export type { extra as Journal } from './extra/index.ts'\n",
      'journal/extra/index.ts': 'export const extra = 1\n',
    },
    says: "and 'the journal interface' may import",
  },
  {
    what: 'one journal knowing another',
    files: { 'journal/sqlite/bad.ts': "export * from '../simulated/index.ts'\n" },
    says: "that is in 'journal/<name>', and 'journal/<name>' may import",
  },
  {
    what: 'one connector knowing another',
    files: { 'connect/files/bad.ts': "export * from '../http/index.ts'\n" },
    says: "that is in 'connect/http', and 'connect/<system>'",
  },
  {
    what: 'a connector knowing the runtime',
    files: { 'connect/http/bad.ts': "export * from '../../runtime/engine.ts'\n" },
    says: "that is in 'runtime', and 'connect/http'",
  },
  {
    what: 'observe using a value of the runtime',
    files: { 'observe/bad.ts': "export { engine } from '../runtime/engine.ts'\n" },
    says: "that is in 'runtime', and 'observe' may import only itself, model/**, types of runtime/**",
  },
  {
    what: 'the server reaching for a journal',
    files: { 'serve/bad.ts': "export * from '../journal/index.ts'\n" },
    says: "and 'serve' may import",
  },
  {
    what: 'the engine knowing a journal',
    files: { 'engine/bad.ts': "export * from '../journal/index.ts'\n" },
    says: "and 'engine' may import",
  },
  {
    what: 'the test kit using the server',
    files: { 'testing/bad.ts': "export * from '../serve/server.ts'\n" },
    says: "that is in 'serve', and 'testing'",
  },
  {
    what: 'the command line going round the doors',
    files: { 'cli/bad.ts': "export * from '../runtime/engine.ts'\n" },
    says: "that is in 'runtime', and 'cli'",
  },
  {
    what: 'I/O in model',
    files: { 'model/bad.ts': "import { readFile } from 'node:fs/promises'\nexport const bad = readFile\n" },
    says: "imports 'node:fs/promises': 'model' may not load it",
  },
  {
    what: 'I/O in runtime, named without node:',
    files: { 'runtime/bad.ts': "import net from 'net'\nexport const bad = net\n" },
    says: "imports 'net': 'runtime' may not load it",
  },
  {
    what: 'undici outside connect/http',
    files: { 'connect/files/bad.ts': "export { request } from 'undici'\n" },
    says: "imports 'undici': 'connect/<system>' may not load it",
  },
  {
    what: 'the package imported by name from inside',
    files: { 'serve/bad.ts': "export * from 'linkspan/testing'\n" },
    says: 'a package imports its own files by relative paths',
  },
  {
    what: 'an import that leaves src',
    files: { 'cli/bad.ts': "export * from '../../bin/linkspan.ts'\n" },
    says: "it lies outside the package's src",
  },
  {
    what: 'an import of nothing',
    files: { 'cli/bad.ts': "export * from './gone.ts'\n" },
    says: 'there is no such file',
  },
  {
    what: 'a library file importing a test',
    files: { 'patterns/steps.ts': "export * from './map.test.ts'\n" },
    says: 'a test file is not part of the library',
  },
  {
    what: 'a library file importing what only tests use',
    files: { 'connect/files/bad.ts': "export * from '../fixtures/world.ts'\n" },
    says: 'a test file is not part of the library',
  },
  {
    what: 'global fetch',
    files: { 'serve/bad.ts': "export const bad = () => fetch('x')\n" },
    says: 'bad.ts:1: uses fetch',
  },
  {
    what: 'global fetch awaited in a ternary',
    files: { 'serve/bad.ts': 'export const bad = async (a: boolean) => (a ? await fetch(`x`) : 1)\n' },
    says: 'uses fetch',
  },
  {
    what: 'global fetch inside a template',
    files: { 'serve/bad.ts': 'export const bad = () => `${fetch(`${1}`)}`\n' },
    says: 'uses fetch',
  },
  {
    what: 'fetch of globalThis',
    files: { 'serve/bad.ts': 'export const bad = globalThis.fetch\n' },
    says: 'uses globalThis.fetch',
  },
  {
    what: 'the wall clock in runtime',
    files: { 'runtime/bad.ts': 'export const bad = () => Date.now()\n' },
    says: 'uses Date.now, that is the clock or chance',
  },
  {
    what: 'the wall clock behind a regular expression',
    files: { 'runtime/bad.ts': "export const bad = /['\"`]/.test('') ? Date.now() : 0\n" },
    says: 'uses Date.now',
  },
  {
    what: 'a new Date',
    files: { 'flow/bad.ts': 'export const bad = new Date()\n' },
    says: 'uses new Date()',
  },
  {
    what: 'chance',
    files: { 'journal/bad.ts': 'export const bad = Math.random()\n' },
    says: 'uses Math.random',
  },
  {
    what: 'a timer',
    files: { 'patterns/pattern.ts': 'export const bad = () => {\n  setTimeout(bad, 1)\n}\n' },
    says: 'src/patterns/pattern.ts:2: uses setTimeout',
  },
  {
    what: 'an interval',
    files: { 'model/bad.ts': 'export const bad = () => setInterval(bad)\n' },
    says: 'uses setInterval',
  },
  {
    what: 'the monotonic clock',
    files: { 'journal/sqlite/bad.ts': 'export const bad = performance.now()\n' },
    says: 'uses performance.now',
  },
  {
    what: 'a timer by import',
    files: {
      'runtime/bad.ts': "import { setTimeout } from 'node:timers/promises'\nexport const bad = setTimeout\n",
    },
    says: "imports 'node:timers/promises'",
  },
  {
    what: 'randomness by import',
    files: {
      'journal/bad.ts': "import { randomUUID } from 'node:crypto'\nexport const bad = randomUUID()\n",
    },
    says: 'uses randomUUID',
  },
  {
    what: 'the console',
    files: { 'observe/bad.ts': 'console.log(1)\n' },
    says: 'uses console, that is the console',
  },
  {
    what: 'a cycle of values',
    files: {
      'serve/a.ts': "import { b } from './b.ts'\nexport const a = () => b\n",
      'serve/b.ts': "import { a } from './a.ts'\nexport const b = () => a\n",
    },
    says: 'import cycle: serve/a.ts -> serve/b.ts -> serve/a.ts',
  },
  {
    what: 'a cycle through types',
    files: {
      'serve/a.ts': "import type { B } from './b.ts'\nexport type A = B\n",
      'serve/b.ts': "import type { A } from './a.ts'\nexport type B = A | 1\n",
    },
    says: 'import cycle through types: serve/a.ts -> serve/b.ts -> serve/a.ts',
  },
  {
    what: 'a pattern without a test',
    files: { 'patterns/filter.ts': 'export const filter = 1\n' },
    says: 'src/patterns/filter.ts: has no test beside it. Add patterns/filter.test.ts',
  },
  {
    what: 'a room that the table does not know',
    files: { 'utils/bad.ts': 'export const bad = 1\n' },
    says: 'belongs to no room',
  },
]

const plant = treePlanter()

describe('walls', () => {
  it('lets a clean tree pass', () => {
    const { violations, files } = checkWalls(plant(clean), walls, 'src')
    expect(violations).toEqual([])
    expect(files).toBe(Object.keys(clean).length - 1)
  })

  it.each(planted)('reports $what, and nothing else', ({ files, says }) => {
    const { violations } = checkWalls(plant({ ...clean, ...files }), walls, 'src')
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(says)
  })

  it('reports an empty room, for nothing was checked there', () => {
    const { 'observe/metrics.ts': _gone, ...rest } = clean
    expect(checkWalls(plant(rest), walls, 'src').violations).toEqual([
      "src/observe/**: room 'observe' has no file, so its walls were not checked",
    ])
  })

  it('does not pass when there is no tree', () => {
    expect(checkWalls(join(plant({}), 'gone'), walls, 'src').violations).toHaveLength(1)
  })
})

describe('the import scanner', () => {
  it('finds every form, with its kind and line, in the order of the text', () => {
    const source = [
      "import a, { type B } from 'a'",
      "import type { C } from 'c'; import 'd'",
      "export * as e from 'e'",
      "export type { F } from 'f'",
      "type G = typeof import('g')",
      "const h = await import(\n  'h')",
      "declare module 'i' {}",
    ].join('\n')
    expect(importsOf(source).map(({ specifier, kind, line }) => `${line} ${kind} ${specifier}`)).toEqual([
      '1 value a',
      '2 type c',
      '2 value d',
      '3 value e',
      '4 type f',
      '5 type g',
      '7 dynamic h',
      '8 augment i',
    ])
  })

  it('finds none in comments, strings, templates and member calls', () => {
    const source = [
      "// import 'a'",
      "/* import 'b' */ const c = \"import 'c'\"",
      "const d = `import 'd' ${'}'} import('d')`",
      "loader.import('e')",
      "const f = /import 'f'/",
    ].join('\n')
    expect(importsOf(source)).toEqual([])
  })

  it('keeps every position and line when it blanks', () => {
    const source = "const a = `x${ { b: '}' }.b }y`\n/* z\n */ const c = 4 / 2 / 1 // d\n"
    const { code } = mask(source)
    expect(code).toHaveLength(source.length)
    expect(code).toBe("const a = ` ${ { b: ' ' }.b } `\n    \n    const c = 4 / 2 / 1     \n")
  })
})
