/** Splits a stream of HTTP/1.1 requests into whole ones. */
export interface RequestReader {
  /** Answers the requests that are whole with these bytes. Throws on what is no HTTP/1.1. */
  read(bytes: Buffer): readonly Buffer[]
}

/** So long a head is no head any more. */
const mostHead = 64 * 1024
const headEnd = '\r\n\r\n'

export function requestReader(): RequestReader {
  let held: Buffer = Buffer.alloc(0)
  return {
    read(bytes) {
      held = Buffer.concat([held, bytes])
      const whole: Buffer[] = []
      for (let length = wholeLength(held); length !== null; length = wholeLength(held)) {
        whole.push(held.subarray(0, length))
        held = held.subarray(length)
      }
      return whole
    },
  }
}

/** The length of the first request, or null where it is not whole yet. */
function wholeLength(held: Buffer): number | null {
  const end = held.indexOf(headEnd)
  if (end < 0) return held.length > mostHead ? unreadable(held) : null
  const [line = '', ...fields] = held.toString('latin1', 0, end).split('\r\n')
  if (!/^[!-~]+ \S+ HTTP\/1\.[01]$/.test(line)) return unreadable(held)
  const start = end + headEnd.length
  const length = /^chunked$/i.test(fieldOf(fields, 'transfer-encoding'))
    ? chunkedEnd(held, start)
    : start + Number(fieldOf(fields, 'content-length') || 0)
  if (Number.isNaN(length)) return unreadable(held)
  return length !== null && held.length >= length ? length : null
}

function fieldOf(fields: readonly string[], name: string): string {
  const field = fields.find((each) => each.toLowerCase().startsWith(`${name}:`))
  return field?.slice(name.length + 1).trim() ?? ''
}

/** Where a chunked body ends, trailers included. */
function chunkedEnd(held: Buffer, start: number): number | null {
  let at = start
  for (;;) {
    const lineEnd = held.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(held.toString('latin1', at, lineEnd), 16)
    if (Number.isNaN(size)) return unreadable(held)
    if (size === 0) return trailerEnd(held, lineEnd)
    at = lineEnd + 2 + size + 2
    if (at > held.length) return null
  }
}

function trailerEnd(held: Buffer, lineEnd: number): number | null {
  const end = held.indexOf(headEnd, lineEnd)
  return end < 0 ? null : end + headEnd.length
}

function unreadable(held: Buffer): never {
  const start = JSON.stringify(held.toString('latin1', 0, 40))
  throw new Error(`Only HTTP/1.1 requests can be duplicated; this begins with ${start}.`)
}
