import { createHash } from 'node:crypto'
import type { Ask } from './schema.ts'
import { fromText } from './text.ts'

/** A number that stands for a name: the beginning of its SHA-256, 52 bits, so that everyone finds it alone. */
export function codeOf(name: string): number {
  const hash = createHash('sha256').update(name).digest()
  return hash.readUIntBE(0, 6) * 16 + ((hash[6] as number) % 16)
}

/** A number for a pair of texts, as 16 bytes of a hash: what they are found by, however long they are. */
export function digestOf(scope: string, key: string): Buffer {
  return createHash('sha256').update(`${scope.length}:${scope}${key}`).digest().subarray(0, 16)
}

/** Flow names and code versions, stored once and referred to by number. */
export interface Names {
  codeOf(name: string): number
  /** The name of a number that was learned, or undefined. */
  nameOf(code: number): string | undefined
  /** Reads the names of numbers that are not known yet. */
  learn(codes: readonly number[]): Promise<void>
  /** Whether a name is known to be in the database. */
  isKept(name: string): boolean
  /** Names that were committed. */
  keep(names: readonly string[]): void
}

/** Opens the table of names. */
export function createNames(ask: Ask, schema: string): Names {
  const codes = new Map<string, number>()
  const names = new Map<number, string>()
  const kept = new Set<string>()
  const known = (name: string): number => {
    const code = codes.get(name)
    if (code !== undefined) return code
    const made = codeOf(name)
    codes.set(name, made)
    return made
  }
  return {
    codeOf: known,
    nameOf: (code) => names.get(code),
    learn: async (wanted) => {
      const missing = [...new Set(wanted)].filter((code) => !names.has(code))
      if (missing.length === 0) return
      const rows = await ask(`SELECT id, name FROM ${schema}.names WHERE id = ANY($1::bigint[])`, [missing])
      for (const { id, name } of rows as readonly unknown[] as readonly { id: number; name: string }[])
        names.set(id, fromText(name))
    },
    isKept: (name) => kept.has(name),
    keep: (added) => {
      for (const name of added) {
        kept.add(name)
        names.set(known(name), name)
      }
    },
  }
}
