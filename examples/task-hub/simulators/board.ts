import {
  digestOf,
  effectOf,
  objectOf,
  type Route,
  refusal,
  type Simulator,
  type SinkAnswer,
  type SinkRequest,
  textField,
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
  const perform = (): SinkAnswer => {
    if (id === null) return { status: 200, body: { tasks: [...cards.keys()] }, effect: null, note: 'looked' }
    const card = cards.get(id)
    return card
      ? { status: 200, body: card.body, effect: null, note: 'looked' }
      : refusal(404, `No task ${id}.`)
  }
  return { kind: 'look', identity: '', deliveryId: null, perform }
}

function put(cards: Map<string, Card>, taskId: string, request: SinkRequest): Route | SinkAnswer {
  const version = objectOf(request.body)?.['version']
  if (typeof version !== 'number' || !Number.isSafeInteger(version))
    return refusal(422, '"version" must be an integer.')
  if (textField(request.body, 'taskId') !== taskId)
    return refusal(422, '"taskId" must be the id in the path.')
  const deliveryId = textField(request.body, 'deliveryId')
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
    const effect = effectOf({ deliveryId, taskId, version, digest: digestOf(request.body) })
    return { status: 200, body: { taskId, applied: true, version }, effect, note: 'applied' }
  }
  return { kind: 'apply', identity: `${taskId}|${version}|${deliveryId}`, deliveryId, perform }
}
