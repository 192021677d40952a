import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { makePrivate } from '../private-file.ts'

/** How far a journal had come, kept outside its database so that a lost tail is seen. */
export interface Mark {
  /** The identity of the journal: 16 hexadecimal digits. */
  readonly journal: string
  readonly commits: number
  readonly lastSeq: number
}

/** Keeps the mark of an open journal. */
export interface MarkKeeper {
  /** Writes without waiting for the disk; fsyncs in the background about each second. `at`: monotonic milliseconds. */
  write(mark: Mark, at: number): void
  close(): void
}

const MAGIC = 0x4c534d4b
const SLOT = 64
const USED = 32
const SYNC_EVERY_MS = 1000

/** Reads the mark of a journal; null when there is none that can be read. */
export function readMark(path: string): Mark | null {
  const bytes = readFile(markPath(path))
  if (bytes === null) return null
  const marks = [0, SLOT].map((at) => decode(bytes, at)).filter((mark) => mark !== null)
  return marks.sort((a, b) => b.commits - a.commits)[0] ?? null
}

/** Where the mark of a journal lies. */
export function markPath(path: string): string {
  return `${path}-mark`
}

/** Opens the mark for writing; what was in it is replaced. `failed` is told once when it cannot be written. */
export function keepMark(path: string, first: Mark, failed: (error: unknown) => void): MarkKeeper {
  makePrivate(markPath(path))
  const file = openSync(markPath(path), 'r+')
  const slots = [Buffer.alloc(SLOT), Buffer.alloc(SLOT)] as const
  let syncedAt = Number.NEGATIVE_INFINITY
  let syncing = false
  let told = false
  const attempt = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      if (!told) failed(error)
      told = true
    }
  }
  const put = (mark: Mark): void => {
    const slot = mark.commits & 1
    encode(mark, slots[slot as 0 | 1])
    writeSync(file, slots[slot as 0 | 1], 0, USED, slot * SLOT)
  }
  const sync = (at: number): void => {
    if (syncing || at - syncedAt < SYNC_EVERY_MS) return
    syncedAt = at
    syncing = true
    fdatasync(file, () => {
      syncing = false
    })
  }
  attempt(() => {
    put(first)
    writeSync(file, Buffer.alloc(SLOT), 0, SLOT, ((first.commits + 1) & 1) * SLOT)
    fsyncSync(file)
  })
  return {
    write: (mark, at) => {
      attempt(() => put(mark))
      sync(at)
    },
    close: () => {
      attempt(() => fsyncSync(file))
      closeSync(file)
    },
  }
}

function readFile(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

function encode(mark: Mark, into: Buffer): void {
  into.writeUInt32BE(MAGIC, 0)
  into.write(mark.journal, 4, 8, 'hex')
  into.writeBigUInt64BE(BigInt(mark.commits), 12)
  into.writeBigUInt64BE(BigInt(mark.lastSeq), 20)
  into.writeUInt32BE(crc32(into.subarray(0, USED - 4)), USED - 4)
}

function decode(bytes: Buffer, at: number): Mark | null {
  const slot = bytes.subarray(at, at + USED)
  if (slot.length < USED || slot.readUInt32BE(0) !== MAGIC) return null
  if (crc32(slot.subarray(0, USED - 4)) !== slot.readUInt32BE(USED - 4)) return null
  return {
    journal: slot.toString('hex', 4, 12),
    commits: Number(slot.readBigUInt64BE(12)),
    lastSeq: Number(slot.readBigUInt64BE(20)),
  }
}
