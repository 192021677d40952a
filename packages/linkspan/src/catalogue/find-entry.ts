import { patternsByKind } from '../patterns/index.ts'
import { ENTRIES, type KnownEntry } from './catalogue.ts'
import type { LanguageNode } from './entry.ts'
import { LANGUAGE } from './language.ts'

/** What a name leads to: entries and words of another tool's language, or names that are nearly the same. */
export interface Found {
  readonly entries: readonly KnownEntry[]
  readonly nodes: readonly LanguageNode[]
  /** Names to try instead; only when nothing was found. */
  readonly near: readonly string[]
}

/**
 * Finds entries by a name: their own, the name of a step of ours, or what another tool calls them. Case, spaces and
 * punctuation do not matter. An own name or step decides alone; foreign names may be shared by several entries.
 */
export function findEntry(name: string): Found {
  const wanted = plain(name)
  const own = ENTRIES.filter((entry) => plain(entry.name) === wanted)
  if (own.length > 0) return found(own)
  const home = ENTRIES.filter((entry) => ownWords(entry).includes(wanted))
  if (home.length > 0) return found(home)
  const entries = ENTRIES.filter(
    (entry) => entry.with?.some((kind) => plain(kind) === wanted) || foreign(entry).includes(wanted),
  )
  const nodes = LANGUAGE.filter(({ names, step = '' }) =>
    [...names, step].some((each) => plain(each) === wanted),
  )
  if (entries.length + nodes.length > 0) return { entries, nodes, near: [] }
  return { entries: [], nodes: [], near: nearest(wanted) }
}

function found(entries: readonly KnownEntry[]): Found {
  return { entries, nodes: [], near: [] }
}

/** Its step, and the methods that add it. */
function ownWords({ is }: KnownEntry): readonly string[] {
  return is === undefined ? [] : [is, ...Object.keys(patternsByKind.get(is)?.methods ?? {})].map(plain)
}

function foreign({ elsewhere }: KnownEntry): readonly string[] {
  return Object.values(elsewhere).flat().map(plain)
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

const MOST_NEAR = 5

/** Names that contain what was asked for, or differ from it in few characters, the nearest first. */
function nearest(wanted: string): readonly string[] {
  if (wanted === '') return []
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  const rated = allNames()
    .map((name) => ({ name, far: distance(wanted, plain(name)) }))
    .filter(({ far }) => far <= allowed)
    .sort((a, b) => a.far - b.far)
  const once = new Map(rated.toReversed().map(({ name }) => [plain(name), name]))
  return [...once.values()].toReversed().slice(0, MOST_NEAR)
}

function allNames(): readonly string[] {
  return [
    ...ENTRIES.map(({ name }) => name),
    ...ENTRIES.flatMap(({ is }) => (is === undefined ? [] : [is])),
    ...ENTRIES.flatMap(({ elsewhere }) => Object.values(elsewhere).flat()),
    ...LANGUAGE.flatMap(({ names }) => names),
  ]
}

/** How far apart two names are: none when one begins with the other, else how many characters have to be changed. */
function distance(wanted: string, name: string): number {
  return wanted.length > 2 && name.includes(wanted) ? 0 : edits(wanted, name)
}

/** Levenshtein's distance, by rows. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (const [line, left] of [...from].entries()) {
    const next = [line + 1]
    for (const [at, right] of [...to].entries()) {
      const exchanged = (row[at] ?? 0) + (left === right ? 0 : 1)
      next.push(Math.min(exchanged, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
