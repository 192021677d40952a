/** As much of Kafka's protocol as it takes to ask a broker which brokers take part (kafka.apache.org/protocol, Metadata v1). */

const metadata = 3
const version = 1

/** A request for the brokers, and for no topic. */
export function metadataRequest(): Buffer {
  const client = Buffer.from('linkspan-services')
  const request = Buffer.concat([
    int16(metadata),
    int16(version),
    int32(1),
    int16(client.length),
    client,
    int32(0),
  ])
  return Buffer.concat([int32(request.length), request])
}

/** The ids of the brokers that an answer names; none while the answer is not whole. */
export function brokersIn(answer: Buffer): readonly number[] {
  if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return []
  let at = 12
  return Array.from({ length: answer.readInt32BE(8) }, () => {
    const id = answer.readInt32BE(at)
    at = afterText(answer, afterText(answer, at + 4) + 4)
    return id
  })
}

/** Where the next field begins. A length of -1 stands for null. */
const afterText = (answer: Buffer, at: number) => at + 2 + Math.max(0, answer.readInt16BE(at))

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
