import { describe, expect, it } from 'vitest'
import { danglingImports, lostAugmentations, withJsSpecifiers } from '../../scripts/lib/dist-check.ts'
import { treePlanter } from '../planted-tree.ts'

const plant = treePlanter()

describe('withJsSpecifiers', () => {
  it('rewrites every form of a relative .ts specifier, and nothing else', () => {
    const text = [
      "import './a.ts';",
      "import type { B } from '../b.ts';",
      "export * from './c.ts'; // './d.ts'",
      "export type E = import('./e.ts').E;",
      "declare module './f.ts' { const g: './g.ts'; }",
      "export * from './h.d.ts';",
      "export * from 'pkg/i.ts';",
    ].join('\n')
    expect(withJsSpecifiers(text)).toBe(
      [
        "import './a.js';",
        "import type { B } from '../b.js';",
        "export * from './c.js'; // './d.ts'",
        "export type E = import('./e.js').E;",
        "declare module './f.js' { const g: './g.ts'; }",
        "export * from './h.d.ts';",
        "export * from 'pkg/i.ts';",
      ].join('\n'),
    )
  })
})

describe('danglingImports', () => {
  it('finds imports of what is not there and of .ts that was left', () => {
    const dist = plant({
      'index.js': "import './a.js'\nimport './gone.js'\nimport 'undici'\n",
      'index.d.ts': "import './a.js'\nimport './a.ts'\n",
      'a.js': '',
      'a.d.ts': "export * from '../src/a.js'\n",
    })
    expect(danglingImports(dist)).toEqual([
      "a.d.ts:1: '../src/a.js' leads to no emitted file",
      "index.d.ts:2: './a.ts' leads to no emitted file",
      "index.js:2: './gone.js' leads to no emitted file",
    ])
  })
})

describe('lostAugmentations', () => {
  const parts = {
    'steps.d.ts': 'export interface Steps {}\n',
    'map.d.ts': "declare module './steps.js' {\n  interface Steps {}\n}\nexport {}\n",
    'registry.d.ts': 'export declare const patterns: readonly string[]\n',
    'other.d.ts': 'export {}\n',
  }

  it('finds an entry that reaches a module without what is added to it', () => {
    const dist = plant({
      ...parts,
      'index.d.ts': "export * from './registry.js'\nexport * from './steps.js'\n",
    })
    expect(lostAugmentations(dist, ['index.d.ts', 'other.d.ts'])).toEqual([
      expect.stringContaining('index.d.ts: reaches steps.d.ts, but not what map.d.ts adds to it'),
    ])
  })

  it('is content when the way leads through the file that adds it', () => {
    const registry = "export type {} from './map.js'\n"
    const dist = plant({
      ...parts,
      'registry.d.ts': registry,
      'index.d.ts': "export * from './registry.js'\nexport * from './steps.js'\n",
    })
    expect(lostAugmentations(dist, ['index.d.ts'])).toEqual([])
  })
})
