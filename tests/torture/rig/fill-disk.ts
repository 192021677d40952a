import { closeSync, openSync, writeSync } from 'node:fs'

const PIECES = [2 ** 20, 4_096]

/** Writes a file until its disk has no room for a page more. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (const size of PIECES) while (writes(file, Buffer.alloc(size)));
  } finally {
    closeSync(file)
  }
}

function writes(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
