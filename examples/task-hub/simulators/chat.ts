import {
  digestOf,
  effectOf,
  type Route,
  refusal,
  type Simulator,
  type SinkAnswer,
  textField,
} from './sink.ts'

/**
 * The chat, guarantee `none`: `POST /chat/messages` posts once per request. No idempotency key, and nobody can ask what
 * was posted: `GET` is answered with 405.
 */
export function chat(): Simulator {
  let posted = 0
  return {
    sink: 'chat',
    route: (request): Route | SinkAnswer => {
      if (request.url.pathname !== '/chat/messages') return refusal(404, 'Use POST /chat/messages.')
      if (request.method !== 'POST') return refusal(405, 'This chat can only be written to: use POST.')
      const text = textField(request.body, 'text')
      const channel = textField(request.body, 'channel')
      if (text === null || channel === null)
        return refusal(422, '"channel" and "text" must be texts that are not empty.')
      const deliveryId = deliveryIn(text)
      const perform = (): SinkAnswer => {
        posted += 1
        const effect = effectOf({ deliveryId, digest: digestOf(request.body), text })
        return { status: 201, body: { id: `M${posted}`, channel }, effect, note: 'applied' }
      }
      return { kind: 'apply', identity: `${channel}|${text}`, deliveryId, perform }
    },
  }
}

function deliveryIn(text: string): string | null {
  return /\[delivery ([^\]]+)\]/.exec(text)?.[1] ?? null
}
