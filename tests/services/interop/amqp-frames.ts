/** As much of AMQP 0-9-1 as it takes to put a message into a queue and get it out again. */

const METHOD = 1
const HEADER = 2
const BODY = 3
const END = 0xce

/** A frame: type, channel, length, payload, end (2.3.5). */
function frame(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt8(type, 0)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([END])])
}

/** A method by its class and number, with its arguments. */
export function method(channel: number, classId: number, id: number, ...args: readonly Buffer[]): Buffer {
  return frame(METHOD, channel, Buffer.concat([short(classId), short(id), ...args]))
}

/** The header and the body of a message without properties. */
export function content(channel: number, body: Buffer): Buffer {
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(body.length))
  const header = Buffer.concat([short(60), short(0), size, short(0)])
  return Buffer.concat([frame(HEADER, channel, header), frame(BODY, channel, body)])
}

export function short(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function long(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const octet = (value: number): Buffer => Buffer.from([value])

export const shortText = (text: string): Buffer =>
  Buffer.concat([octet(Buffer.byteLength(text)), Buffer.from(text)])

export const longText = (text: string): Buffer =>
  Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)])

/** Whether what was heard holds a whole method frame of this class and number. */
export function hasMethod(heard: Buffer, classId: number, id: number): boolean {
  return frames(heard).some(
    ({ type, payload }) =>
      type === METHOD && payload.readUInt16BE(0) === classId && payload.readUInt16BE(2) === id,
  )
}

/** The bodies in what was heard. */
export const bodies = (heard: Buffer): readonly string[] =>
  frames(heard)
    .filter(({ type }) => type === BODY)
    .map(({ payload }) => payload.toString('utf8'))

function frames(heard: Buffer): readonly { readonly type: number; readonly payload: Buffer }[] {
  const found: { type: number; payload: Buffer }[] = []
  for (let at = 0; at + 7 < heard.length; ) {
    const length = heard.readUInt32BE(at + 3)
    if (at + 8 + length > heard.length) break
    found.push({ type: heard.readUInt8(at), payload: heard.subarray(at + 7, at + 7 + length) })
    at += 8 + length
  }
  return found
}
