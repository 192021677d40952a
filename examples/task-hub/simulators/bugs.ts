import {
  contentOf,
  effectOf,
  lookRoute,
  type Route,
  refusal,
  type Simulator,
  type SinkAnswer,
  type SinkRequest,
  shown,
} from './sink.ts'

interface Saved {
  readonly digest: string
  readonly answer: SinkAnswer
}

/**
 * The bug tracker, guarantee `key`: `POST /bugs` with an `Idempotency-Key`. A repeated key is answered from memory
 * (`Idempotent-Replayed: true`) and not applied again; the same key with another body is refused with 422.
 */
export function bugs(): Simulator {
  const saved = new Map<string, Saved>()
  return {
    sink: 'bugs',
    route: (request) => {
      if (request.url.pathname !== '/bugs') return refusal(404, 'Use POST /bugs.')
      if (request.method === 'GET') return look(saved)
      if (request.method !== 'POST') return refusal(405, 'Use POST /bugs.')
      return post(saved, request)
    },
  }
}

function look(saved: Map<string, Saved>): Route {
  return lookRoute(() => shown({ bugs: [...saved.values()].map(({ answer }) => answer.body) }))
}

function post(saved: Map<string, Saved>, request: SinkRequest): Route | SinkAnswer {
  const { deliveryId, digest, text, header } = contentOf(request)
  const key = header('idempotency-key')
  if (key === null) return refusal(400, 'The header Idempotency-Key is missing.')
  const title = text('title')
  if (title === null) return refusal(422, '"title" must be a text that is not empty.')
  const perform = (): SinkAnswer => {
    const before = saved.get(key)
    if (before && before.digest !== digest)
      return refusal(422, 'This Idempotency-Key was used with another body.')
    if (before) return repeated(before.answer)
    const body = { id: `BUG-${saved.size + 1}`, title }
    const answer: SinkAnswer = {
      status: 201,
      body,
      effect: effectOf({ deliveryId, digest, mark: key }),
      note: 'applied',
    }
    saved.set(key, { digest, answer })
    return answer
  }
  return { kind: 'apply', identity: key, deliveryId, perform }
}

function repeated(answer: SinkAnswer): SinkAnswer {
  return { ...answer, headers: { 'idempotent-replayed': 'true' }, effect: null, note: 'repeated' }
}
