import { deepEqual, equal } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Notice {
  readonly text: string
  readonly to: readonly string[]
}

const chat = httpConnection('chat')
const mail = httpConnection('mail')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = ({ text }: Notice) => ({ text })
const post = chat.post({ name: 'post', path: '/lines', body, guarantee })
const send = mail.post({ name: 'send', path: '/letters', body, guarantee })

export const notices = flow('notices')
  .from(inbox<Notice>())
  .recipients(
    'by',
    (notice) => notice.to,
    (r) => r.branch('chat', (s) => s.to('post', post)).branch('mail', (s) => s.to('send', send)),
  )

export const example = patternExample({
  flows: [notices],
  input: ({ send: hand }) => {
    hand({ text: 'for both', to: ['chat', 'mail'] })
    hand({ text: 'for one', to: ['mail'] })
    hand({ text: 'for nobody', to: [] })
    hand({ text: 'for whom?', to: ['pigeon'] })
  },
  outcome: async (flows) => {
    const texts = (name: string) => (flows.applied(name) as Notice[]).map(({ text }) => text).sort()
    deepEqual(texts('chat.post'), ['for both'])
    deepEqual(texts('mail.send'), ['for both', 'for one'])
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'STEP_FAILED')
  },
})
