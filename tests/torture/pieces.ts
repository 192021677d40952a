/** Pieces of a long run of the simulation, each in a file of its own, so that it can end at any time and go on later. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { overlap, type SeedRange, shownRanges } from '../faults/simulation/seed-ranges.ts'
import { commandFor, type SeedsResult } from '../faults/simulation/seeds.ts'

/** What one process ran: seeds that follow each other, of one state of the code. */
export interface Piece extends SeedRange {
  /** How many engines each seed had; null for those that it says itself. */
  readonly engines: number | null
  readonly commit: string
  readonly node: string
  /** When it was done, ISO 8601, and how long it took. */
  readonly at: string
  readonly seconds: number
  readonly result: SeedsResult
}

const NAME = /^seeds-\d+-\d+\.json$/

/** The pieces that a folder holds, by their seeds. Throws where two of them have a seed in common, or different engines. */
export function readPieces(folder: string): readonly Piece[] {
  mkdirSync(folder, { recursive: true })
  const pieces = readdirSync(folder)
    .filter((name) => NAME.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Piece)
    .toSorted((a, b) => a.first - b.first)
  const twice = overlap(pieces)
  if (twice !== null)
    throw new Error(
      `${folder} holds seeds twice, which would count twice: those ${twice.map(shown).join(' and ')}. Take one of the pieces out.`,
    )
  if (new Set(pieces.map(({ engines }) => engines)).size > 1)
    throw new Error(`${folder} holds pieces with different numbers of engines. Give each its own folder.`)
  return pieces
}

const shown = (range: SeedRange): string => `from ${shownRanges([range])}`

/** Puts a piece into a folder: all of it or nothing. */
export function writePiece(folder: string, piece: Piece): void {
  const { first, count } = piece
  const path = join(folder, `seeds-${first}-${first + count - 1}.json`)
  writeFileSync(`${path}.part`, `${JSON.stringify(piece)}\n`)
  renameSync(`${path}.part`, path)
}

/** What was run of which commit, as a table in Markdown. */
export function piecesTable(pieces: readonly Piece[]): string {
  const commits = Map.groupBy(pieces, ({ commit, node }) => `${commit} | ${node}`)
  const sum = (of: readonly Piece[], what: (piece: Piece) => number): number =>
    of.reduce((all, piece) => all + what(piece), 0)
  const rows = [...commits].map(([name, of]) => {
    const failed = of.flatMap(({ result }) => result.failed.map(({ seed }) => seed))
    const seeds = sum(of, ({ count }) => count)
    const shared = sum(of, ({ result }) => result.shared)
    return `| ${name} | ${shownRanges(of)} | ${seeds} | ${shared} | ${failed.join(', ') || 'none'} |`
  })
  return [
    '| commit | Node | seeds | how many | with several engines | broke a promise |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

/** What broke in all pieces, each with the commit that it was seen at. */
export function violationsOf(
  pieces: readonly Piece[],
): readonly { readonly kind: string; readonly says: string }[] {
  return pieces.flatMap(({ commit, result }) =>
    result.failed.flatMap(({ seed, engines, violations }) =>
      violations.map(({ kind, says }) => ({
        kind,
        says: `${says} (at commit ${commit}: ${commandFor(seed, engines)})`,
      })),
    ),
  )
}
