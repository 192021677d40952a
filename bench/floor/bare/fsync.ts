import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { perSecond } from './rate.ts'

/** How often per second 4 KiB can be appended to a file and forced to the disk. */
export const bareSyncRate = (dataDir: string, call: 'fsync' | 'fdatasync', seconds: number): number => {
  const force = call === 'fsync' ? fsyncSync : fdatasyncSync
  const file = openSync(join(dataDir, `bare-${call}`), 'a')
  const block = Buffer.alloc(4096, 1)
  const rate = perSecond(seconds, 1, () => {
    writeSync(file, block)
    force(file)
  })
  closeSync(file)
  return rate
}
