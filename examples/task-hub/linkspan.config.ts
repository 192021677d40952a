import { join } from 'node:path'
import { defineProject, type EndedEvent, env, sqlite } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { commands } from './flows/commands.ts'
import { digest } from './flows/digest.ts'
import { github } from './flows/github.ts'
import { tellSubscribers } from './flows/tell-subscribers.ts'
import { settings } from './settings.ts'

const { data, mode, unsafe } = settings
const file = (name: string): string => join(data, name)

export default defineProject({
  journal: unsafe === 'no-journal' ? simulated() : sqlite(file('hub.db')),
  connections: {
    board: { baseUrl: env('BOARD_URL') },
    bugs: { baseUrl: env('BUGS_URL') },
    subscribers: { baseUrl: env('SUBSCRIBERS_URL') },
    chat: { baseUrl: env('CHAT_URL') },
    store: { path: file('tasks.db') },
  },
  // All of them are real in both modes; only the digest would disturb a run whose every chat message is accounted for.
  flows: [github, tellSubscribers, commands, ...(mode === 'live' ? [digest] : [])],
  hooks: { onDead: tell('is a dead letter'), onInDoubt: tell('is in doubt'), onParked: tell('is parked') },
  http: { port: env('HUB_PORT', '7070') },
  retention: '7d',
})

/** Where a real hub would page somebody. */
function tell(what: string): (event: EndedEvent) => void {
  return ({ id, flow, key, path, error }) =>
    console.error(`${id} of ${flow} (${key ?? 'no key'}) ${what} at "${path}": ${error.message}`)
}
