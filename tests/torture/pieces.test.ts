import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runSeeds } from '../faults/simulation/seeds.ts'
import { type Piece, piecesTable, readPieces, violationsOf, writePiece } from './pieces.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-pieces-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What was run of some seeds, of one commit. */
async function piece(first: number, count: number, commit: string): Promise<Piece> {
  const result = await runSeeds({ first, count, repeatEvery: 100 })
  return { first, count, engines: null, commit, node: 'v1', at: '2026-01-01', seconds: 1, result }
}

it('keeps what was run, and tells it by commit', async () => {
  writePiece(folder, await piece(5, 2, 'one'))
  writePiece(folder, await piece(1, 4, 'one'))
  writePiece(folder, await piece(7, 1, 'other'))
  const pieces = readPieces(folder)
  expect(pieces.map(({ first }) => first)).toEqual([1, 5, 7])
  expect(piecesTable(pieces).split('\n').slice(2)).toEqual([
    '| one | v1 | 1 to 6 | 6 | 1 | none |',
    '| other | v1 | 7 to 7 | 1 | 0 | none |',
  ])
  expect(violationsOf(pieces)).toEqual([])
})

it('refuses pieces with a seed in common, and those with other engines', async () => {
  const one = await piece(1, 3, 'one')
  writePiece(folder, one)
  writePiece(folder, { ...one, first: 3, count: 1 })
  expect(() => readPieces(folder)).toThrow('from 1 to 3 and from 3 to 3')
  rmSync(folder, { recursive: true })
  readPieces(folder)
  writePiece(folder, one)
  writePiece(folder, { ...one, first: 10, engines: 3 })
  expect(() => readPieces(folder)).toThrow('different numbers of engines')
})

it('names what broke with the commit that it was seen at', async () => {
  const whole = await piece(1, 1, 'one')
  const failed = [
    { seed: 1, engines: 1, violations: [{ kind: 'missing', says: 'An effect is gone.' }] },
  ] as const
  writePiece(folder, { ...whole, result: { ...whole.result, failed } })
  const pieces = readPieces(folder)
  expect(violationsOf(pieces)).toEqual([
    {
      kind: 'missing',
      says: 'An effect is gone. (at commit one: npm run torture -- --seeds 1 --seed 1 --engines 1 --story)',
    },
  ])
  expect(piecesTable(pieces)).toContain('| one | v1 | 1 to 1 | 1 | 0 | 1 |')
})
