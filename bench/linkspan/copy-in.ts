import { once } from 'node:events'
import type { Client } from 'pg'

/** What we use of the client's own connection. */
type Wire = {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(reason: string): void
  readonly stream: NodeJS.WritableStream & { readonly writableNeedDrain: boolean }
}

const signature = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const trailer = Buffer.from([0xff, 0xff])

/**
 * Copies rows in PostgreSQL's binary format, piece by piece, as fast as the server takes them. The client hands its
 * messages to an object of this shape.
 */
export const copyIn = (client: Client, table: string, pieces: Iterable<Buffer>): Promise<void> =>
  new Promise((resolve, reject) => {
    let failure: Error | undefined
    const send = async (wire: Wire): Promise<void> => {
      wire.sendCopyFromChunk(signature)
      for (const piece of pieces) {
        if (failure !== undefined) return
        wire.sendCopyFromChunk(piece)
        if (wire.stream.writableNeedDrain) await once(wire.stream, 'drain')
      }
      wire.sendCopyFromChunk(trailer)
      wire.endCopyFrom()
    }
    const copying = {
      submit: (wire: Wire): void => wire.query(`COPY ${table} FROM STDIN (FORMAT binary)`),
      handleCopyInResponse: (wire: Wire): void =>
        void send(wire).catch((error: unknown) => wire.sendCopyFail(String(error))),
      handleCommandComplete: (): void => {},
      handleError: (error: Error): void => {
        failure = error
        reject(error)
      },
      handleReadyForQuery: (): void => {
        if (failure === undefined) resolve()
      },
    }
    client.query(copying as never)
  })

/** A row in the binary format of COPY; each field in that of its type. */
export const binaryRow = (fields: readonly (Buffer | null)[]): Buffer => {
  const parts = fields.flatMap((field) => (field === null ? [int4(-1)] : [int4(field.length), field]))
  return Buffer.concat([int2(fields.length), ...parts])
}

export const int2 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const int8 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
