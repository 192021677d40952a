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

interface Card {
  readonly version: number
  readonly body: unknown
}

/**
 * The mirror of the tasks, guarantee `natural`: `PUT /board/tasks/:id` replaces a task, so repeating is harmless. An
 * older version than the one it holds is answered with `applied: false` and changes nothing, also when it arrives late.
 */
export function board(): Simulator {
  const cards = new Map<string, Card>()
  return {
    sink: 'board',
    route: (request) => {
      const id = /^\/board\/tasks\/([^/]+)$/.exec(request.url.pathname)?.[1]
      if (request.method === 'GET') return look(cards, id === undefined ? null : decodeURIComponent(id))
      if (request.method !== 'PUT' || id === undefined) return refusal(404, 'Use PUT /board/tasks/:id.')
      return put(cards, decodeURIComponent(id), request)
    },
  }
}

function look(cards: Map<string, Card>, id: string | null): Route {
  return lookRoute(() => {
    if (id === null) return shown({ tasks: [...cards.keys()] })
    const card = cards.get(id)
    return card ? shown(card.body) : refusal(404, `No task ${id}.`)
  })
}

function put(cards: Map<string, Card>, taskId: string, request: SinkRequest): Route | SinkAnswer {
  const { deliveryId, digest, text, number } = contentOf(request)
  const version = number('version')
  if (version === null || !Number.isSafeInteger(version)) return refusal(422, '"version" must be an integer.')
  if (text('taskId') !== taskId) return refusal(422, '"taskId" must be the id in the path.')
  const perform = (): SinkAnswer => {
    const current = cards.get(taskId)
    if (current && current.version > version) {
      const effect = null
      return {
        status: 200,
        body: { taskId, applied: false, version: current.version },
        effect,
        note: 'stale',
      }
    }
    cards.set(taskId, { version, body: request.body })
    const effect = effectOf({ deliveryId, taskId, version, digest })
    return { status: 200, body: { taskId, applied: true, version }, effect, note: 'applied' }
  }
  return { kind: 'apply', identity: `${taskId}|${version}|${deliveryId}`, deliveryId, perform }
}
