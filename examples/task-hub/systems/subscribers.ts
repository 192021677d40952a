import { httpConnection, path } from 'linkspan/http'
import { z } from 'zod'
import type { TaskChange } from '../protocol.ts'
import { settings } from '../settings.ts'

/** A task change for one subscriber. */
export interface Notice {
  readonly subscriber: string
  readonly change: TaskChange
}

const connection = httpConnection('subscribers')
const received = z.object({ received: z.string() })
const asked = z.object({ applied: z.boolean() })

const eventsOf = ({ subscriber }: Notice): string => path`/subscribers/${subscriber}/events`

/**
 * Tells a subscriber of a change: guarantee `verify`, as a subscriber takes whatever comes and can be asked whether a
 * mark came. A slow one applies a request up to 400 ms after its caller has gone; the call's time limit covers that.
 */
export const tellSubscriber = connection.post({
  name: 'tell',
  path: eventsOf,
  headers: (_notice, { mark }) => ({ 'x-event-id': mark }),
  body: ({ change }: Notice) => change,
  guarantee:
    settings.unsafe === 'no-dedupe'
      ? { kind: 'natural' }
      : {
          kind: 'verify',
          settleAfter: '100ms',
          verify: (notice: Notice, { mark }) => ({
            path: eventsOf(notice),
            query: { mark },
            read: (reply) =>
              asked.parse(reply.json()).applied
                ? { state: 'done', result: { received: mark } }
                : { state: 'absent' },
          }),
        },
  response: received,
  timeout: '1s',
})
