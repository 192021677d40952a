import { deepEqual } from 'node:assert/strict'
import { type FlowFacts, flow, inbox, type Steps } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

const chat = httpConnection('chat')
const post = chat.post({
  name: 'post',
  path: (line: { room: string; text: string }) => path`/rooms/${line.room}/lines`,
  body: ({ text }) => ({ text }),
  guarantee: { kind: 'key', validFor: '24h' },
})

/** Steps with parameters: any flow can take them as a scope. */
function announceIn(room: string, sign: string) {
  return <N, F extends FlowFacts>(steps: Steps<{ text: string }, N, F>) =>
    steps.map('signed', ({ text }) => ({ room, text: `${text} (${sign})` })).to('announce', post)
}

/** A whole flow with parameters. */
function announcements(name: string, room: string) {
  return flow(name).from(inbox<{ text: string }>()).tap('aloud', announceIn(room, name))
}

export const tides = announcements('tides', 'harbour')
export const trains = announcements('trains', 'station')

export const example = patternExample({
  flows: [tides, trains],
  input: async ({ send, sendTo, run }) => {
    send({ text: 'High at noon' })
    await run()
    sendTo(trains, { text: 'On time' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('chat.post'), [
      { room: 'harbour', text: 'High at noon (tides)' },
      { room: 'station', text: 'On time (trains)' },
    ])
  },
})
