import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import type { Decoded } from './format.ts'
import type { SeenFile } from './scan.ts'

/** A whole file as a message's body. */
export interface WholeFile {
  readonly name: string
  readonly size: number
  /** ISO 8601. */
  readonly modifiedAt: string
  /** As text or in base 64, as the source states. */
  readonly content: string
}

/** Reads a file up to the limit. */
export async function readWhole(
  handle: FileHandle,
  file: SeenFile,
  as: 'text' | 'base64',
  limit: number,
): Promise<{ readonly decoded: Decoded; readonly beginning: Buffer }> {
  const most = Math.min(file.size, limit)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(most), 0, most, 0)
  const bytes = buffer.subarray(0, bytesRead)
  return { beginning: bytes, decoded: decode(bytes, file, as, limit) }
}

function decode(bytes: Buffer, file: SeenFile, as: 'text' | 'base64', limit: number): Decoded {
  if (file.size > limit) return { problem: `is larger than the recordLimit of ${limit} bytes` }
  if (as === 'text' && !isUtf8(bytes)) return { problem: "is not UTF-8: read it as: 'base64'" }
  const content = bytes.toString(as === 'text' ? 'utf8' : 'base64')
  const value: WholeFile = {
    name: file.name,
    size: file.size,
    modifiedAt: new Date(file.modified).toISOString(),
    content: content.replace(/^\ufeff/, ''),
  }
  return { value }
}
