/** Where one HTTP/1.1 message lies in the bytes received so far. */
export type Frame = {
  readonly head: string
  readonly bodyStart: number
  readonly end: number
}

const headEnd = Buffer.from('\r\n\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')

/**
 * Finds the next whole message from `start`, by content-length or, where a peer sends it so, by the last
 * chunk; undefined while bytes are missing. As little as a load generator and a sink need: no trailers.
 */
export const nextFrame = (bytes: Buffer, start: number): Frame | undefined => {
  const blank = bytes.indexOf(headEnd, start)
  if (blank < 0) return undefined
  const head = bytes.toString('latin1', start, blank)
  const bodyStart = blank + 4
  const end = bodyEnd(bytes, head, bodyStart)
  return end === undefined || end > bytes.length ? undefined : { head, bodyStart, end }
}

const bodyEnd = (bytes: Buffer, head: string, bodyStart: number): number | undefined => {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (length !== null) return bodyStart + Number(length[1])
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return bodyStart
  const last = bytes.indexOf(lastChunk, bodyStart)
  return last < 0 ? undefined : last + lastChunk.length
}

/** Splits a byte stream into messages; keeps the rest of an unfinished one. */
export const framer = (each: (frame: Frame, bytes: Buffer) => void): ((chunk: Buffer) => void) => {
  let rest: Buffer | undefined
  return (chunk) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let frame = nextFrame(bytes, 0); frame !== undefined; frame = nextFrame(bytes, start)) {
      start = frame.end
      each(frame, bytes)
      if (start === bytes.length) break
    }
    rest = start === bytes.length ? undefined : bytes.subarray(start)
  }
}
