import { brokenOff, checkAnnounced, joined, type ReadSettings, tooLarge, tooSlow } from './body-limits.ts'
import type { Answer, Exchange } from './exchange.ts'

/** A web-standard request as an exchange. */
export function fetchExchange(
  request: Request,
  remoteAddress: string | null,
  settings: ReadSettings,
): Exchange {
  const { pathname, search } = new URL(request.url)
  const header = (name: string): string | null => request.headers.get(name)
  return {
    method: request.method,
    path: pathname,
    search: search.slice(1),
    remoteAddress: () => remoteAddress,
    gone: () => request.signal,
    header,
    async read(limit) {
      checkAnnounced(header, limit)
      return request.body === null ? new Uint8Array(0) : readStream(request.body, limit, settings)
    },
  }
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  { deadlines, timeoutMs }: ReadSettings,
): Promise<Uint8Array> {
  const reader = stream.getReader()
  const { promise: late, reject } = Promise.withResolvers<never>()
  late.catch(() => undefined)
  const cancelTimer = deadlines.start(timeoutMs, () => reject(tooSlow(timeoutMs)))
  try {
    return await collect(reader, limit, late)
  } catch (thrown) {
    reader.cancel().catch(() => undefined)
    throw thrown
  } finally {
    cancelTimer()
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
  late: Promise<never>,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const read = reader.read().catch(() => Promise.reject(brokenOff()))
    const { done, value } = await Promise.race([read, late])
    if (done) return joined(chunks, size)
    size += value.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(value)
  }
}

/** An answer as a web-standard response. */
export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers: { ...headers } })
}
