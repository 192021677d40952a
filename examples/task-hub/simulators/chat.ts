import { contentOf, effectOf, type Route, refusal, type Simulator, type SinkAnswer } from './sink.ts'

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
      const { digest, ...content } = contentOf(request)
      const text = content.text('text')
      const channel = content.text('channel')
      if (text === null || channel === null)
        return refusal(422, '"channel" and "text" must be texts that are not empty.')
      const deliveryId = deliveryIn(text)
      const perform = (): SinkAnswer => {
        posted += 1
        const effect = effectOf({ deliveryId, digest, text })
        return { status: 201, body: { id: `M${posted}`, channel }, effect, note: 'applied' }
      }
      return { kind: 'apply', identity: `${channel}|${text}`, deliveryId, perform }
    },
  }
}

function deliveryIn(text: string): string | null {
  return /\[delivery ([^\]]+)\]/.exec(text)?.[1] ?? null
}
