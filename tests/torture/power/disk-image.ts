/**
 * What a loss of power leaves of the files of a folder. On the disk is what was synced; of what came later any part may
 * be: any of its sectors, in any order, and any of the changes of names from their beginning on.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { DiskRecord } from './disk-log.ts'

/** How much of what was not synced survives. */
export interface Survival {
  /** What a disk writes at once, bytes: 512 or 4096. */
  readonly sector: number
  /** Whether a sector of an unsynced write survives, a change of a file's size, and one more change of names. */
  readonly survives: () => boolean
}

/** Nothing that was not synced. */
export const NOTHING: Survival = { sector: 4096, survives: () => false }
/** Everything, as after the death of the process alone. */
export const EVERYTHING: Survival = { sector: 4096, survives: () => true }

/**
 * Draws how one loss of power goes: often all or nothing of it survives, which differ most from what the process had
 * in mind; else each sector on its own, with a chance of its own.
 */
export function drawSurvival(random: () => number): Survival {
  const sector = random() < 0.5 ? 512 : 4096
  const how = random()
  if (how < 0.25) return { sector, survives: () => false }
  if (how < 0.35) return { sector, survives: () => true }
  const chance = random()
  return { sector, survives: () => random() < chance }
}

type Change = Extract<DiskRecord, { kind: 'write' | 'resize' }> & { readonly nth: number }

/** One file, whatever it is called. */
interface File {
  bytes: Uint8Array
  size: number
  /** What is not synced yet. */
  pending: Change[]
}

interface NameChange {
  readonly nth: number
  /** A file that has the name from now on, or none. */
  readonly set: readonly (readonly [name: string, file: File | null])[]
}

/** The disk below a folder. */
export interface DiskImage {
  /** Takes in more of what was done. `nth` counts from the beginning of the log that `before` refers to. */
  apply(record: DiskRecord, nth: number): void
  /** Whether a loss of power now could take anything. */
  readonly hasUnsynced: boolean
  /** What a loss of power now leaves. The image itself stays. */
  afterPowerFailure(survival: Survival): ReadonlyMap<string, Uint8Array>
}

/** A disk on which all of what is given is synced. */
export function diskImage(files: ReadonlyMap<string, Uint8Array>): DiskImage {
  const durable = new Map<string, File>()
  for (const [name, bytes] of files)
    durable.set(name, { bytes: Uint8Array.from(bytes), size: bytes.length, pending: [] })
  const names = new Map(durable)
  let renames: NameChange[] = []

  const named = (name: string): File => {
    const file = names.get(name)
    if (file === undefined) throw new Error(`The log of the disk writes to "${name}", which it never made.`)
    return file
  }
  const rename = (nth: number, set: NameChange['set']): void => {
    setNames(names, set)
    renames.push({ nth, set })
  }
  const syncNames = (before: number): void => {
    for (const { nth, set } of renames) if (nth < before) setNames(durable, set)
    renames = renames.filter(({ nth }) => nth >= before)
  }
  return {
    apply(record, nth) {
      switch (record.kind) {
        case 'create':
          return rename(nth, [[record.name, { bytes: new Uint8Array(0), size: 0, pending: [] }]])
        case 'unlink':
          return rename(nth, [[record.name, null]])
        case 'rename':
          return rename(nth, [
            [record.to, named(record.name)],
            [record.name, null],
          ])
        case 'write':
        case 'resize':
          return void named(record.name).pending.push({ ...record, nth })
        case 'sync':
          return sync(named(record.name), record.before)
        case 'syncFolder':
          return syncNames(record.before)
      }
    },
    get hasUnsynced() {
      return renames.length > 0 || [...names.values()].some(({ pending }) => pending.length > 0)
    },
    afterPowerFailure(survival) {
      const left = new Map(durable)
      for (const { set } of renames) {
        if (!survival.survives()) break
        setNames(left, set)
      }
      return new Map([...left].map(([name, file]) => [name, leftOf(file, survival)]))
    },
  }
}

function setNames(names: Map<string, File>, set: NameChange['set']): void {
  for (const [name, file] of set)
    if (file === null) names.delete(name)
    else names.set(name, file)
}

function sync(file: File, before: number): void {
  for (const change of file.pending) if (change.nth < before) make(file, change, EVERYTHING)
  file.pending = file.pending.filter(({ nth }) => nth >= before)
}

function leftOf(file: File, survival: Survival): Uint8Array {
  const copy: File = { bytes: file.bytes.slice(0, file.size), size: file.size, pending: [] }
  for (const change of file.pending) make(copy, change, survival)
  return copy.bytes.subarray(0, copy.size)
}

function make(file: File, change: Change, { sector, survives }: Survival): void {
  if (change.kind === 'resize') {
    if (survives()) resize(file, change.size)
    return
  }
  const { at, data } = change
  for (let from = 0; from < data.length; ) {
    const to = Math.min(data.length, from + sector - ((at + from) % sector))
    if (survives()) put(file, at + from, data.subarray(from, to))
    from = to
  }
}

/** What lies between the old end and a new one reads as zeros. */
function resize(file: File, size: number): void {
  if (size > file.bytes.length) {
    const grown = new Uint8Array(Math.max(size, file.bytes.length * 2))
    grown.set(file.bytes.subarray(0, file.size))
    file.bytes = grown
  }
  if (size < file.size) file.bytes.fill(0, size, file.size)
  file.size = size
}

function put(file: File, at: number, data: Uint8Array): void {
  if (at + data.length > file.size) resize(file, at + data.length)
  file.bytes.set(data, at)
}

/** The files of a folder that outlive a process: what SQLite shares between processes does not. */
export function readFolder(folder: string): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('-shm'))
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]))
}

/** Leaves these files in a folder, and no others. */
export function writeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
}
