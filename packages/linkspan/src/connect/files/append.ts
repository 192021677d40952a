import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LinkspanError } from '../../model/errors.ts'
import type { CallContext, Verdict } from '../connector.ts'
import { type FolderClient, pathInside, syncFolder } from './folder-client.ts'
import { codeOf, fileError } from './fs-error.ts'

/** What appending a line gives. */
export interface Appended {
  readonly file: string
  /** The line's length with its line break. */
  readonly bytes: number
}

/** A line for a file, as an operation makes it. */
export interface LineToAppend {
  readonly file: string
  readonly line: string
  /** The mark that the line must carry, where the file can be asked for it. */
  readonly mark: string | null
}

const LF = 10

/**
 * Adds one line at the end of a file and syncs it. A line that a crash cut short is ended first, so that ours is
 * whole.
 */
export async function appendLine(
  client: FolderClient,
  what: LineToAppend,
  call: CallContext,
): Promise<Appended> {
  const bytes = lineBytes(what)
  const path = await pathInside(client, what.file).catch((error: unknown) => {
    throw fileError(error, `Appending to "${what.file}"`, 'no')
  })
  return client.inTurn(path, async () => {
    let written = false
    let handle: FileHandle | null = null
    try {
      handle = await open(path, 'a+')
      const { size } = await handle.stat()
      const torn = size > 0 && (await lastByte(handle, size)) !== LF
      call.signal.throwIfAborted()
      written = true
      await handle.appendFile(torn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes)
      await handle.sync()
      if (size === 0) await syncFolder(dirname(path))
      return { file: what.file, bytes: bytes.length }
    } catch (error) {
      throw fileError(error, `Appending to "${what.file}"`, written ? 'unknown' : 'no')
    } finally {
      await handle?.close()
    }
  })
}

function lineBytes({ file, line, mark }: LineToAppend): Buffer {
  const problem = /[\r\n]/.test(line)
    ? 'holds a line break, so it would be more than one line'
    : mark !== null && !line.includes(mark)
      ? 'does not carry the mark of its call, so it could not be asked for; write call.mark into it, or state the guarantee none'
      : null
  if (problem === null) return Buffer.from(`${line}\n`)
  throw new LinkspanError('CALL_REJECTED', `The line for "${file}" ${problem}.`, { details: { file } })
}

async function lastByte(handle: FileHandle, size: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 1 ? buffer[0] : undefined
}

const CHUNK = 1024 * 1024

/**
 * Looks for the line. `done` when it stands there whole; `absent` when it does not, also when a crash cut it short.
 * The file is read from its end, since a line that is asked for is a late one.
 */
export async function findLine(client: FolderClient, what: LineToAppend): Promise<Verdict<Appended>> {
  const bytes = lineBytes(what)
  try {
    const path = await pathInside(client, what.file)
    const handle = await open(path, 'r')
    try {
      const found = await isInFile(handle, bytes)
      return found ? { state: 'done', result: { file: what.file, bytes: bytes.length } } : { state: 'absent' }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { state: 'absent' }
    throw fileError(error, `Looking into "${what.file}"`, 'unknown')
  }
}

/** Whether a whole line is in a file. Chunks overlap by the line's length and the byte before it. */
async function isInFile(handle: FileHandle, line: Buffer): Promise<boolean> {
  const { size } = await handle.stat()
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK - line.length)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start)
    if (isWholeLine(buffer.subarray(0, bytesRead), line, start === 0)) return true
    if (start === 0) return false
    end = start + line.length + 1
  }
  return false
}

function isWholeLine(buffer: Buffer, line: Buffer, fromStart: boolean): boolean {
  for (let at = buffer.indexOf(line); at !== -1; at = buffer.indexOf(line, at + 1)) {
    if (at === 0 ? fromStart : buffer[at - 1] === LF) return true
  }
  return false
}
