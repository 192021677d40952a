import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Note {
  readonly page: string
  readonly text: string
  readonly by: string
}

const wiki = httpConnection('wiki')
const write = wiki.put({
  name: 'write',
  path: (note: Note) => path`/pages/${note.page}`,
  body: ({ text, by }: Note) => ({ text, by }),
})

export const takeNotes = flow('take notes')
  .from(inbox<{ page: string; text: string }>(), { key: (note) => note.page })
  .map(
    'signed',
    (note, ctx): Note => ({ page: ctx.key ?? '', text: note.text, by: ctx.headers['user'] ?? 'nobody' }),
  )
  .to('write', write)

export const example = patternExample({
  flows: [takeNotes],
  input: ({ send }) => {
    send({ page: 'tides', text: 'High at noon.' }, { headers: { user: 'ada' } })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('wiki.write'), [{ page: 'tides', text: 'High at noon.', by: 'ada' }])
    const [message] = await flows.messages()
    deepEqual([message?.flow, message?.key, message?.state], ['take notes', 'tides', 'done'])
  },
})
