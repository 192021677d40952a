import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files.ts'

/** A part of a Markdown file, or a whole file where `block` is null, that is made from the code. */
export interface Generated {
  readonly file: string
  readonly block: string | null
  readonly make: () => string
}

const begin = (block: string): string => `<!-- generated: ${block} -->`
const end = (block: string): string => `<!-- /generated: ${block} -->`

/** What a file says now where the generated text belongs. */
export function present({ file, block }: Generated): string {
  const text = readFileSync(join(root, file), 'utf8')
  if (block === null) return text
  const { from, to } = bounds(text, file, block)
  return text.slice(from, to)
}

/** What it should say. */
export function wanted({ block, make }: Generated): string {
  return block === null ? make() : `\n\n${make().trim()}\n\n`
}

/** Writes what it should say. */
export function update(generated: Generated): void {
  const { file, block } = generated
  const path = join(root, file)
  if (block === null) {
    writeFileSync(path, wanted(generated))
    return
  }
  const text = readFileSync(path, 'utf8')
  const { from, to } = bounds(text, file, block)
  writeFileSync(path, `${text.slice(0, from)}${wanted(generated)}${text.slice(to)}`)
}

function bounds(text: string, file: string, block: string): { from: number; to: number } {
  const from = text.indexOf(begin(block))
  const to = text.indexOf(end(block))
  if (from < 0 || to < from) throw new Error(`${file} lacks ${begin(block)} … ${end(block)}`)
  return { from: from + begin(block).length, to }
}
