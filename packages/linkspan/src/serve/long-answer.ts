import { isLinkspanError, LinkspanError, storeError } from '../model/errors.ts'
import type { CancelTimer, Outside } from '../model/outside.ts'
import type { Progress } from '../runtime/admin-api.ts'
import type { AdminLine } from './admin-contract.ts'
import type { Answer } from './exchange.ts'

/** Work that reports how far it is. What it throws before it answers a promise is refused with a status. */
export type LongWork = (progress: Progress) => Promise<unknown>

const LEAST_PAUSE_MS = 100
const SIGN_OF_LIFE_MS = 15_000

/**
 * Answers long work as lines of JSON: progress at most every tenth of a second, an empty line when nothing was said for
 * a while, so that nobody on the way takes the connection for dead, and at the end the result or the error.
 */
export function longAnswer(outside: Outside): (work: LongWork) => Promise<Answer> {
  return async (work) => {
    const lines = lineStream(outside)
    void work(lines.progress)
      .then(
        (result) => ({ result: result ?? null }),
        (thrown: unknown) => ({ error: storeError(shown(thrown, outside)) }),
      )
      .then(lines.end)
    return {
      status: 200,
      headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
      body: lines.stream,
    }
  }
}

/** What is no error of the engine stays in its log. */
function shown(thrown: unknown, { logger, random }: Outside): unknown {
  if (isLinkspanError(thrown)) return thrown
  const instance = `urn:linkspan:request:${random.token(12)}`
  logger.log('error', 'http.failed', { route: 'admin', instance, error: storeError(thrown) })
  return new LinkspanError(
    'UNEXPECTED',
    `Something went wrong inside the engine. Its log has the cause under ${instance}.`,
  )
}

interface LineStream {
  readonly stream: ReadableStream<Uint8Array>
  readonly progress: Progress
  end(last: AdminLine): void
}

function lineStream({ clock }: Outside): LineStream {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null
  let held: AdminLine | null = null
  let writtenAt = Number.NEGATIVE_INFINITY
  let cancelTimer: CancelTimer = () => undefined
  const write = (line: AdminLine | null): void => {
    controller?.enqueue(encoder.encode(line === null ? '\n' : `${JSON.stringify(line)}\n`))
    writtenAt = clock.monotonic()
    cancelTimer()
    cancelTimer = clock.timer(SIGN_OF_LIFE_MS, () => write(null))
  }
  const finish = (): void => {
    cancelTimer()
    controller = null
  }
  return {
    stream: new ReadableStream({
      start: (given) => {
        controller = given
        cancelTimer = clock.timer(SIGN_OF_LIFE_MS, () => write(null))
      },
      cancel: finish,
    }),
    progress(done, total) {
      if (controller === null) return
      held = { progress: [done, total] }
      if (clock.monotonic() - writtenAt < LEAST_PAUSE_MS) return
      write(held)
      held = null
    },
    end(last) {
      if (controller === null) return
      if (held !== null) write(held)
      write(last)
      controller.close()
      finish()
    },
  }
}
