import {
  contentOf,
  effectOf,
  type Route,
  refusal,
  type Simulator,
  type SinkAnswer,
  type SinkRequest,
} from './sink.ts'

/** How often each mark was applied, by subscriber and mark. */
type Inbox = Map<string, number>

/**
 * The webhook subscribers, guarantee `verify`: `POST /subscribers/:name/events` with the event's mark in `X-Event-Id`.
 * It applies each request, also one with a mark it has seen; `GET …/events?mark=` answers whether a mark was applied.
 */
export function subscribers(names: readonly string[]): Simulator {
  const inbox: Inbox = new Map()
  return {
    sink: 'subscribers',
    route: (request) => {
      const name = /^\/subscribers\/([^/]+)\/events$/.exec(request.url.pathname)?.[1]
      if (name === undefined || !names.includes(name)) {
        return refusal(404, `Use /subscribers/:name/events with one of ${names.join(', ')}.`)
      }
      if (request.method === 'GET') return ask(inbox, name, request.url.searchParams.get('mark'))
      if (request.method !== 'POST') return refusal(405, 'Use POST to send an event, GET to ask for one.')
      return post(inbox, name, request)
    },
  }
}

function ask(inbox: Inbox, name: string, mark: string | null): Route | SinkAnswer {
  if (mark === null || mark === '') return refusal(400, 'The query parameter "mark" is missing.')
  const perform = (): SinkAnswer => {
    const times = inbox.get(`${name}|${mark}`) ?? 0
    return {
      status: 200,
      body: { mark, applied: times > 0, times },
      effect: null,
      note: times > 0 ? 'known' : 'unknown',
    }
  }
  return { kind: 'ask', identity: `ask|${name}|${mark}`, deliveryId: null, perform }
}

function post(inbox: Inbox, name: string, request: SinkRequest): Route | SinkAnswer {
  const { deliveryId, digest, isObject, text, number, header } = contentOf(request)
  const mark = header('x-event-id')
  if (mark === null) return refusal(400, 'The header X-Event-Id is missing.')
  if (!isObject) return refusal(422, 'The body must be a JSON object.')
  const perform = (): SinkAnswer => {
    const times = (inbox.get(`${name}|${mark}`) ?? 0) + 1
    inbox.set(`${name}|${mark}`, times)
    const effect = effectOf({
      deliveryId,
      subscriber: name,
      taskId: text('taskId'),
      version: number('version'),
      mark,
      digest,
      again: times > 1,
    })
    return { status: 202, body: { received: mark }, effect, note: times > 1 ? 'doubled' : 'applied' }
  }
  return { kind: 'apply', identity: `${name}|${mark}`, deliveryId, perform }
}
