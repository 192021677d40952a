import { existsSync, mkdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Option } from 'commander'
import type { FlowDefinition } from '../../index.ts'
import { makeFolders } from '../../model/make-folders.ts'
import { NEGATIVE } from '../exit-code.ts'
import { failure, unreachable, wrongUse } from '../failure.ts'
import type { Library } from '../library.ts'
import { defineVerb, type Verb } from '../verb.ts'

const FORMATS = ['mermaid', 'svg', 'text', 'json'] as const

type Format = (typeof FORMATS)[number]

interface Options {
  readonly format?: Format
  readonly out?: string
}

/** `linkspan graph`. */
export const graph: Verb = defineVerb<Options>({
  usage: 'graph [flow]',
  summary: 'Draw a flow, or all flows, from the code',
  examples: ['linkspan graph hello', 'linkspan graph hello --format svg --out hello.svg'],
  reach: 'project',
  options: [
    new Option('--format <format>', 'mermaid, svg (one flow), text (a tree) or json').choices(FORMATS),
    new Option('--out <file>', 'write to a file instead of the terminal'),
  ],
  run: async ({ door, dependencies, out, terminal }, [flow], options) => {
    const { project } = await door.project()
    const definitions = chosen(
      project.flows.map(({ definition }) => definition),
      flow,
    )
    const text = drawn(
      await dependencies.library(),
      definitions,
      options.format ?? (out.json ? 'json' : 'mermaid'),
    )
    if (options.out === undefined) out.line(text)
    else {
      const file = resolve(terminal.directory, options.out)
      await write(file, text)
      out.note(`Written to ${file}.`)
    }
    return undefined
  },
})

function chosen(all: readonly FlowDefinition[], name: string | undefined): readonly FlowDefinition[] {
  if (name === undefined) return all
  const found = all.filter((definition) => definition.name === name)
  if (found.length > 0) return found
  throw failure(
    NEGATIVE,
    `The project has no flow "${name}". It has: ${all.map((each) => each.name).join(', ') || 'none'}.`,
  )
}

function drawn(library: Library, definitions: readonly FlowDefinition[], format: Format): string {
  if (format === 'json')
    return JSON.stringify(
      definitions.map((each) => library.graph(each)),
      null,
      2,
    )
  if (format === 'mermaid' || format === 'text')
    return definitions
      .map((each) => library[format === 'text' ? 'outline' : 'mermaid'](each).trimEnd())
      .join('\n\n')
  const [only, ...more] = definitions
  if (only === undefined || more.length > 0)
    throw wrongUse(
      `One SVG shows one flow. Name it: ${definitions.map(({ name }) => name).join(', ') || 'the project has none'}.`,
    )
  return library.svg(only).trimEnd()
}

async function write(file: string, text: string): Promise<void> {
  try {
    makeFolders(dirname(file), { existsSync, mkdirSync })
    await writeFile(file, `${text}\n`)
  } catch (error) {
    throw unreachable(`${file} cannot be written. Correct --out.`, error)
  }
}
