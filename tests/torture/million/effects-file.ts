/** Systems of an engine that write down what they were asked for in a file, before they answer. */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pid } from 'node:process'
import type { Connector, Operation } from 'linkspan'

type Kept<In, Out> = Operation<In, Out, { kind: 'key'; validFor: '1d' }>

/** What an engine calls: `finish` once for each item, and `end` with what is known of all at the end. */
export interface EffectsFile {
  readonly finish: Kept<{ readonly item: number }, number>
  readonly end: Kept<Readonly<Record<string, number>>, undefined>
  /** How many items this process has finished. */
  readonly done: number
}

/** Opens the file of a folder. Repeating a call would be seen: each is one line, with its key and the process that made it. */
export function effectsFile(folder: string): EffectsFile {
  const file = openSync(join(folder, EFFECTS), 'a')
  const guarantee = { kind: 'key', validFor: '1d' } as const
  let done = 0
  return {
    finish: {
      connection,
      name: 'finish',
      guarantee,
      run: async (_client, { item }, { mark }) => {
        done += 1
        writeSync(file, `${item} ${mark} ${pid}\n`)
        return item
      },
    },
    end: {
      connection,
      name: 'end',
      guarantee,
      run: async (_client, facts, { mark }) => {
        writeSync(file, `end ${mark} ${pid} ${JSON.stringify(facts)}\n`)
        return undefined
      },
    },
    get done() {
      return done
    },
  }
}

/** The name of the file. */
export const EFFECTS = 'effects.log'

const connector: Connector<unknown, null> = {
  name: 'file',
  spec: { summary: 'A log.', stability: 'stable', options: [] },
  config: { '~standard': { version: 1, vendor: 'torture', validate: (value) => ({ value }) } },
  connect: async () => null,
}
const connection = { name: 'file', connector, optional: true }
