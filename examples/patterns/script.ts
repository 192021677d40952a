import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import type { Connector, Natural, Operation } from 'linkspan/connect'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

interface Text {
  readonly id: string
  readonly words: string
}

/** Code of yours that changes something beside the message: here an index of words in memory. */
const index = new Map<string, Set<string>>()
function enter({ id, words }: Text): void {
  for (const word of words.split(' ')) index.set(word, new Set(index.get(word)).add(id))
}

const inProcess: Connector<object, null> = {
  name: 'in process',
  spec: { summary: 'Code in this process.', stability: 'stable', options: [] },
  config: z.object({}),
  connect: async () => null,
}
const enterWords: Operation<Text, void, Natural> = {
  connection: { name: 'words', connector: inProcess, optional: true },
  name: 'enter',
  guarantee: { kind: 'natural' },
  run: async (_client, text) => enter(text),
}

export const indexTexts = flow('index texts')
  .from(inbox<Text>(), { key: (text) => text.id })
  .to('enter words', enterWords)

export const example = patternExample({
  flows: [indexTexts],
  operations: { 'words.enter': enter },
  input: ({ send }) => {
    send({ id: 'a', words: 'rope and sail' })
    send({ id: 'b', words: 'rope' })
  },
  outcome: () => {
    deepEqual([...(index.get('rope') ?? [])].sort(), ['a', 'b'])
  },
})
