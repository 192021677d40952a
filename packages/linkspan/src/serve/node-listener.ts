import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { HttpApp } from './http-app.ts'
import { nodeExchange, writeAnswer } from './node-exchange.ts'
import { problemAnswer, problemOf } from './problem.ts'
import { refusal } from './refusal.ts'

/** A listener for the `request` event of Node's servers. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** A path that needs no normalising: no escapes, no dot segments, no doubled slash at its start. */
const PLAIN_PATH = /^\/(?:[A-Za-z0-9\-_~!$&'()*+,;=:@][A-Za-z0-9\-._~!$&'()*+,;=:@/]*)?$/

/**
 * A listener that answers with an app. Endpoints on plain paths are answered without making a web-standard request and
 * response, everything else by the web-standard way; both run the same endpoint. `closing` tells whether connections
 * end with their answer.
 */
export function nodeListener(app: HttpApp, closing: () => boolean = () => false): NodeListener {
  const web = webListener((request, remoteAddress) => app.fetch(request, { remoteAddress }))
  return (incoming, outgoing) => {
    const url = incoming.url ?? ''
    const mark = url.indexOf('?')
    const path = mark === -1 ? url : url.slice(0, mark)
    const plain = PLAIN_PATH.test(path) && !path.includes('/.')
    const found = plain ? app.direct(incoming.method ?? '', path) : null
    if (found === null) {
      outgoing.once('finish', () => {
        if (closing()) incoming.socket.end()
      })
      web(incoming, outgoing)
      return
    }
    const search = mark === -1 ? '' : url.slice(mark + 1)
    const exchange = nodeExchange(incoming, outgoing, path, search, app.reading)
    void app
      .answer(found, exchange)
      .then((answer) => writeAnswer(incoming, outgoing, answer, app.reading, closing()))
  }
}

/** A listener that answers by the web-standard way alone. */
export function webListener(
  answer: (request: Request, remoteAddress: string | null) => Promise<Response>,
): NodeListener {
  const listener = getRequestListener(
    (request, { incoming }) => answer(request, incoming.socket.remoteAddress ?? null),
    { overrideGlobalObjects: false, errorHandler: () => malformed() },
  )
  return (incoming, outgoing) => void listener(incoming, outgoing)
}

/** The adapter could not even make a request of what came in. */
function malformed(): Response {
  const thrown = refusal('REQUEST_MALFORMED', 'The request line or its Host header is not valid.')
  const { problem } = problemOf(thrown, '/')
  const { status, headers, body } = problemAnswer(problem)
  return new Response(body, { status, headers: { ...headers } })
}
