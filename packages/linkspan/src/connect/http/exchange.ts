import type { Dispatcher } from 'undici'
import type { CallContext } from '../connector.ts'
import { type HttpReply, httpReply } from './reply.ts'

/**
 * Why no reply was had. `sent` is false only when not one byte of the request was written: the client says so, it is
 * not guessed from error codes.
 */
export interface TransportFailure {
  readonly kind: 'transport' | 'aborted' | 'tooLarge'
  readonly sent: boolean
  /** The status, where the head of the reply had arrived. */
  readonly status: number | null
  readonly error: unknown
}

/** One request, ready to send. */
export interface Exchange {
  readonly options: Dispatcher.DispatchOptions
  readonly onAbort: CallContext['onAbort']
  readonly maySend: CallContext['maySend']
  readonly replyLimit: number
  /** Makes the error of a failure. */
  readonly failed: (failure: TransportFailure) => Error
}

const NOTHING = Buffer.alloc(0)
const nothing = (): void => undefined

/**
 * Sends one request and collects its reply. Rejects with the error that `failed` makes of a {@link TransportFailure}.
 *
 * It speaks to the dispatcher without the client's own `request()`: that saves a stream for each reply, and only here
 * can be seen whether the request had been started when it failed. An abort before that rejects at once and the
 * request is never sent. There too, after the wait for a connection, is asked for the last time whether it may be.
 */
export function exchange(
  dispatcher: Dispatcher,
  { options, onAbort, maySend, replyLimit, failed }: Exchange,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null
    let settled = false
    let status = 0
    let headers: Parameters<typeof httpReply>[1] = {}
    let body: Buffer = NOTHING
    let more: Buffer[] | null = null
    let size = 0

    let forgetAbort: () => void = nothing

    const fail = (kind: TransportFailure['kind'], error: unknown): void => {
      if (settled) return
      settled = true
      forgetAbort()
      reject(failed({ kind, sent: controller !== null, status: status || null, error }))
    }

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        if (!settled && !maySend()) fail('aborted', new Error('the engine may not send now'))
        if (settled) return started.abort(new Error('aborted'))
        controller = started
      },
      onResponseStart(_controller, code, received) {
        if (code < 200) return
        status = code
        headers = received
      },
      onResponseData(_controller, chunk) {
        if (settled) return
        size += chunk.length
        if (size > replyLimit) {
          fail('tooLarge', new Error(`more than ${replyLimit} bytes`))
          controller?.abort(new Error('too large'))
        } else if (size === chunk.length) body = chunk
        else if (more === null) more = [body, chunk]
        else more.push(chunk)
      },
      onResponseEnd() {
        if (settled) return
        settled = true
        forgetAbort()
        resolve(httpReply(status, headers, more === null ? body : Buffer.concat(more, size)))
      },
      onResponseError(_controller, error) {
        fail('transport', error)
      },
    }

    forgetAbort = onAbort((reason) => {
      fail('aborted', reason)
      controller?.abort(new Error('aborted'))
    })
    if (settled) return
    try {
      dispatcher.dispatch(options, handler)
    } catch (error) {
      fail('transport', error)
    }
  })
}
