/**
 * Tries one flipped bit after the other, as its parent says; a bit that ends or hangs this process is the parent's to
 * name. Usage: `node flipper.ts <folder> <seed> <checksums: on | off>`.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { argv, exit, pid } from 'node:process'
import { flipBit } from '../../../packages/linkspan/src/journal/sqlite/fixtures/flip-bit.ts'
import type { FlipTask, FlipTold } from './flips.ts'

const [, , folder = '.', seedText = '1', checksums = 'on'] = argv
if (checksums === 'off') {
  // The same sum for everything, when it is written and when it is read.
  const zlib = createRequire(import.meta.url)('node:zlib') as { crc32: () => number }
  zlib.crc32 = () => 0
  syncBuiltinESMExports()
}
const { makeImage, outcomeAtRest, outcomeUnderLoad } = await import('./scenario.ts')

const seed = Number(seedText)
const image = join(folder, `image-${pid}`)
const home = join(folder, `home-${pid}`)
for (const made of [image, home]) mkdirSync(made)
const ids = await makeImage(image, home, seed)

/** The lowest bit of a letter of a message's text: what is read is still a text, and another one. */
function bitOfContent(file: string, share: number): number {
  const bytes = readFileSync(file)
  const found: number[] = []
  for (let at = bytes.indexOf('text '); at >= 0; at = bytes.indexOf('text ', at + 1)) found.push(at)
  return (found[Math.floor(share * found.length)] as number) * 8
}

/** `verify` works in a thread of its own, which has its checksums still and takes every row for damaged. */
function counts(line: string): boolean {
  return checksums === 'on' || !line.startsWith('verify')
}

async function tried({ name, share, underLoad, inContent }: FlipTask): Promise<FlipTold> {
  const place = { image, ids, seed, directory: join(folder, `try-${pid}`) }
  let bit = -1
  const hurt = (directory: string): void => {
    const file = join(directory, name)
    bit = inContent ? bitOfContent(file, share) : Math.floor(share * statSync(file).size * 8)
    flipBit(file, bit)
  }
  const outcome = await (underLoad ? outcomeUnderLoad : outcomeAtRest)(place, hurt)
  return { ...outcome, told: outcome.told.filter(counts), bit }
}

process.on('disconnect', () => exit(0))
process.on('message', (task: FlipTask) => {
  tried(task).then(
    (told) => process.send?.(told),
    (error: unknown) =>
      process.send?.({ failed: error instanceof Error ? String(error.stack) : String(error) }),
  )
})
process.send?.({ ready: true })
