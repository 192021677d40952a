import type { DatabaseSync } from 'node:sqlite'
import { plainSum } from './row-sum.ts'
import { rowDamaged } from './sqlite-error.ts'

/** Flow names and code versions, stored once and referred to by number. */
export interface Names {
  /** The number of a name, written when it is new: only inside a commit. */
  intern(name: string): number
  /** The number of a name, or undefined when the journal does not have it. */
  codeOf(name: string): number | undefined
  /** @throws {LinkspanError} `JOURNAL_DAMAGED` when there is no such number */
  nameOf(code: number): string
  /** The commit is durable. */
  keep(): void
  /** The commit was rolled back. */
  forget(): void
}

interface Row {
  readonly id: number
  readonly sum: number
  readonly name: string
}

/** Opens the table of names. */
export function openNames(db: DatabaseSync, path: string): Names {
  const all = db.prepare('SELECT id, sum, name FROM names WHERE id > ? ORDER BY id')
  const insert = db.prepare('INSERT INTO names (id, sum, name) VALUES (?, ?, ?)')
  const codes = new Map<string, number>()
  const names = new Map<number, string>()
  let last = 0
  let added: string[] = []
  const refresh = (): void => {
    for (const { id, sum, name } of all.all(last) as unknown as Row[]) {
      if (sum !== plainSum(id, name)) throw rowDamaged(path, `name ${id}`)
      codes.set(name, id)
      names.set(id, name)
      last = id
    }
  }
  refresh()
  return {
    intern: (name) => {
      const known = codes.get(name)
      if (known !== undefined) return known
      last += 1
      insert.run(last, plainSum(last, name), name)
      codes.set(name, last)
      names.set(last, name)
      added.push(name)
      return last
    },
    codeOf: (name) => {
      if (!codes.has(name)) refresh()
      return codes.get(name)
    },
    nameOf: (code) => {
      if (!names.has(code)) refresh()
      const name = names.get(code)
      if (name === undefined) throw rowDamaged(path, `name ${code}`, 'it is missing')
      return name
    },
    keep: () => {
      added = []
    },
    forget: () => {
      for (const name of added) {
        names.delete(codes.get(name) as number)
        codes.delete(name)
        last -= 1
      }
      added = []
    },
  }
}
