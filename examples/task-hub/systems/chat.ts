import type { OnUnknown } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import type { ChatMessage } from '../protocol.ts'
import { settings } from '../settings.ts'

const connection = httpConnection('chat')

/** Posts to the chat: guarantee `none`, as the chat neither recognises a repeated message nor can be asked. */
export const say = connection.post({
  name: 'say',
  path: '/chat/messages',
  body: (message: ChatMessage) => message,
  guarantee: { kind: 'none' },
  response: 'none',
  // Nobody can be asked afterwards, so no answer may be missed because this process was late to read it.
  timeout: '5s',
})

/** What becomes of a message to the chat when nobody knows whether it was posted. */
export const whenUnknown: OnUnknown = settings.unsafe === 'no-dedupe' ? 'atLeastOnce' : 'inDoubt'
