import { type Masked, mask } from './mask.ts'

/** How a module names another one. `augment` is `declare module './x.ts'`. */
export type ImportKind = 'value' | 'type' | 'dynamic' | 'augment'

/** One mention of another module in a source text. */
export interface Import {
  readonly specifier: string
  readonly kind: ImportKind
  readonly line: number
  /** Where the specifier's opening quote stands in the source. */
  readonly at: number
  /** The text between `import` and `from`: which names are taken. Empty where there is none. */
  readonly clause: string
}

const NOT_A_MEMBER = String.raw`(?<![.\w$])`
const forms: readonly { readonly pattern: RegExp; readonly kind: (found: RegExpExecArray) => ImportKind }[] =
  [
    {
      pattern: new RegExp(
        String.raw`${NOT_A_MEMBER}import\s+(?<clause>(?:type\s+)?[^'"\`;()=]+?)\s*\bfrom\s*(?=['"])`,
        'g',
      ),
      kind: (found) => typeOrValue(found),
    },
    {
      pattern: new RegExp(
        String.raw`${NOT_A_MEMBER}export\s+(?<clause>(?:type\s+)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\}))\s*from\s*(?=['"])`,
        'g',
      ),
      kind: (found) => typeOrValue(found),
    },
    { pattern: new RegExp(String.raw`${NOT_A_MEMBER}import\s*(?=['"])`, 'g'), kind: () => 'value' },
    { pattern: /\btypeof\s+import\s*\(\s*(?=['"])/g, kind: () => 'type' },
    {
      pattern: new RegExp(String.raw`(?<!typeof\s+)${NOT_A_MEMBER}import\s*\(\s*(?=['"])`, 'g'),
      kind: () => 'dynamic',
    },
    { pattern: /\bdeclare\s+module\s+(?=['"])/g, kind: () => 'augment' },
  ]

/**
 * Every module that a TypeScript source names: imports, re-exports, dynamic imports and import types of a
 * literal, and module augmentations, in the order of the text.
 */
export function importsOf(source: string, masked: Masked = mask(source)): readonly Import[] {
  return forms
    .flatMap(({ pattern, kind }) =>
      [...masked.code.matchAll(pattern)].map((found) => entry(found, kind, masked)),
    )
    .filter((found) => found !== undefined)
    .sort((a, b) => a.at - b.at)
}

function entry(
  found: RegExpExecArray,
  kind: (found: RegExpExecArray) => ImportKind,
  masked: Masked,
): Import | undefined {
  const at = found.index + found[0].length
  const literal = masked.literals.get(at)
  if (literal === undefined) return undefined
  return {
    specifier: literal.value,
    kind: kind(found),
    line: lineOf(masked.code, at),
    at,
    clause: found.groups?.['clause'] ?? '',
  }
}

function typeOrValue(found: RegExpExecArray): ImportKind {
  return /^type\s+[^,\s]/.test(found.groups?.['clause'] ?? '') ? 'type' : 'value'
}

/** The line, counted from 1, on which a position of a text lies. */
export function lineOf(text: string, at: number): number {
  let line = 1
  for (let next = text.indexOf('\n'); next >= 0 && next < at; next = text.indexOf('\n', next + 1)) line++
  return line
}
