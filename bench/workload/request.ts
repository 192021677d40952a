import type { Order } from './order.ts'

/** `at` starts here, so that it always has 16 digits and stays a safe integer. */
const atBase = 1_000_000_000_000_000
const sequenceDigits = 10
const atDigits = 16
const bodyBytes = 1024

/** Microseconds of the machine's monotonic clock, which all processes on it share. */
export const nowMicros = (): number => {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1e6 + nanos / 1e3
}

const blankOrder: Order = {
  id: `m${'0'.repeat(sequenceDigits)}`,
  at: atBase,
  customer: { name: 'Ada Lovelace', email: 'ada@example.test', city: 'Göteborg' },
  currency: 'SEK',
  lines: [1, 2, 3, 4, 5].map((n) => ({
    sku: `LS-${n}00${n}-${n * 7}`,
    title: `Hinged ramp section number ${n}, galvanised`,
    quantity: n,
    price: 199.5 + n,
  })),
  note: '',
}

const padded = (order: Order): Order => {
  const missing = bodyBytes - Buffer.byteLength(JSON.stringify(order))
  return { ...order, note: 'Deliver to the quay before the tide turns. '.repeat(12).slice(0, missing) }
}

const paddedOrder = padded(blankOrder)

/** An order of its own, whose JSON has 1,024 bytes. */
export const orderOf = (sequence: number, currency: string): Order => ({
  ...paddedOrder,
  id: `m${String(sequence).padStart(sequenceDigits, '0')}`,
  currency,
})

/** The body of message number 0, exactly 1,024 bytes. */
export const orderBody: string = JSON.stringify(paddedOrder)

/** A request whose id and time are written in place, so that sending one costs no allocation. */
export type RequestBuffer = {
  readonly bytes: Buffer
  readonly stamp: (sequence: number, scheduledAt: number) => void
}

/** Builds the complete HTTP request; one per connection, as it is free again once the answer is there. */
export const requestBuffer = (host: string, path: string): RequestBuffer => {
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${bodyBytes}\r\n\r\n`
  const bytes = Buffer.from(head + orderBody)
  const idAt = bytes.indexOf('"id":"m') + 7
  const timeAt = bytes.indexOf('"at":') + 5
  return {
    bytes,
    stamp: (sequence, scheduledAt) => {
      writeDigits(bytes, idAt, sequenceDigits, sequence)
      writeDigits(bytes, timeAt, atDigits, atBase + Math.round(scheduledAt))
    },
  }
}

const idMark = Buffer.from('"id":"m')
const timeMark = Buffer.from('"at":')

/** Finds the number and the scheduled time in a delivered body; undefined where it is not one of ours. */
export const readStamp = (
  bytes: Buffer,
  from: number,
): { readonly sequence: number; readonly scheduledAt: number } | undefined => {
  const idAt = bytes.indexOf(idMark, from)
  const timeAt = bytes.indexOf(timeMark, from)
  if (idAt < 0 || timeAt < 0) return undefined
  return {
    sequence: readDigits(bytes, idAt + idMark.length),
    scheduledAt: readDigits(bytes, timeAt + timeMark.length) - atBase,
  }
}

const writeDigits = (bytes: Buffer, at: number, digits: number, value: number): void => {
  let rest = value
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10)
    bytes[i] = 48 + (rest - next * 10)
    rest = next
  }
}

const readDigits = (bytes: Buffer, from: number): number => {
  let value = 0
  for (let i = from; i < bytes.length; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  return value
}
