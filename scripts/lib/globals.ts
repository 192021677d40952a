import { type Import, lineOf } from './imports.ts'

/** Globals that some files may not use. */
export interface GlobalRule {
  /** What the globals stand for, in words. */
  readonly what: string
  /** Functions that may not be called or passed on, as `name` or `object.name`. */
  readonly calls: readonly string[]
  /** Anything else, as global patterns over code without comments and strings. */
  readonly texts: readonly RegExp[]
  readonly notIn: readonly string[]
  readonly except: readonly string[]
  readonly instead: string
}

const THE_GLOBAL = String.raw`(?:(?:globalThis|global|window|self)\s*\.\s*)`

/**
 * Where code uses a rule's globals. A method that is declared under such a name, a member of another
 * object (`clock.setTimeout(…)`) and a name that the module imports are not the global.
 */
export function globalUses(
  code: string,
  rule: GlobalRule,
  imports: readonly Import[],
): readonly { readonly text: string; readonly line: number }[] {
  const calls = rule.calls.filter((name) => !isImported(name, imports)).flatMap((name) => callsOf(code, name))
  const texts = rule.texts.flatMap((pattern) => [...code.matchAll(pattern)])
  return [...calls, ...texts].map((found) => ({ text: found[0].trim(), line: lineOf(code, found.index) }))
}

/** An import from a module of ours or of a package; Node's own modules offer the same globals again. */
function isImported(name: string, imports: readonly Import[]): boolean {
  const word = new RegExp(String.raw`\b${name}\b`)
  return imports.some(({ clause, specifier }) => !specifier.startsWith('node:') && word.test(clause))
}

function callsOf(code: string, name: string): readonly RegExpExecArray[] {
  const spaced = name.replace('.', String.raw`\s*\.\s*`)
  const plain = new RegExp(String.raw`(?<![\w$]|\.\s*)${spaced}\s*(?=\()`, 'g')
  const onGlobal = new RegExp(String.raw`(?<![.\w$])${THE_GLOBAL}${spaced}(?![\w$])`, 'g')
  const onCrypto = new RegExp(String.raw`(?<![\w$]|\.\s*)crypto\s*\.\s*${spaced}\s*(?=\()`, 'g')
  return [
    ...[...code.matchAll(plain)].filter((found) => !isDeclared(code, found)),
    ...code.matchAll(onGlobal),
    ...code.matchAll(onCrypto),
  ]
}

/** A method or function of that name is declared here: `fetch(request) {`, `fetch(request: Request): Response`. */
function isDeclared(code: string, found: RegExpExecArray): boolean {
  const before = code.slice(0, found.index).trimEnd()
  if (/\bfunction\*?$/.test(before)) return true
  if (!/(?:[{};,]|\b(?:async|get|set|readonly|override)|[\w)\]>|'"])$/.test(before)) return false
  if (/\b(?:return|await|yield|void|typeof|case|else|do)$/.test(before)) return false
  return /^\s*(?:\{|:|=>)/.test(code.slice(closing(code, found.index + found[0].length)))
}

/** The position behind the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at++) {
    if (code[at] === '(') depth++
    if (code[at] === ')' && --depth === 0) return at + 1
  }
  return code.length
}
