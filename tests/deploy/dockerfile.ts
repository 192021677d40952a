import { globSync, readFileSync } from 'node:fs'

/** One instruction of a Dockerfile. */
interface Instruction {
  readonly word: string
  readonly text: string
}

/** What a `COPY` copies. */
export interface Copy {
  /** The stage it comes from; null for the folder that the image is built in. */
  readonly from: string | null
  readonly sources: readonly string[]
  readonly target: string
}

/** A stage of a Dockerfile, as far as the recipes use it. */
export interface Stage {
  readonly name: string | null
  readonly base: string
  readonly instructions: readonly Instruction[]
}

/** Reads a Dockerfile that has no continued lines but those of a shell. */
export function readStages(file: string): readonly Stage[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const stages: { name: string | null; base: string; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const [, word = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (word === '') throw new Error(`not an instruction: ${line}`)
    if (word === 'FROM') {
      const [base = '', , name = null] = text.split(/\s+/)
      stages.push({ name, base, instructions: [] })
    } else stages.at(-1)?.instructions.push({ word, text })
  }
  return stages
}

/** The only instruction of a kind in a stage. */
export function only({ instructions }: Stage, word: string): string {
  const found = instructions.filter((each) => each.word === word)
  if (found.length !== 1) throw new Error(`${found.length} × ${word}`)
  return found[0]?.text ?? ''
}

/** A command in exec form. */
export function execForm(text: string): readonly string[] {
  return JSON.parse(text.slice(text.indexOf('['))) as string[]
}

/** What a stage copies, in order. */
export function copiesOf({ instructions }: Stage): readonly Copy[] {
  return instructions
    .filter(({ word }) => word === 'COPY')
    .map(({ text }) => {
      const words = text.split(/\s+/)
      const from = words[0]?.startsWith('--from=') ? (words.shift() ?? '').slice('--from='.length) : null
      const target = words.pop() ?? ''
      return { from, sources: words, target }
    })
}

/** The files that a source of a `COPY` means in a folder. */
export function filesOf(folder: string, source: string): readonly string[] {
  return globSync(source, { cwd: folder })
}
