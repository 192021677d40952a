/**
 * Fills the journal at DATABASE_URL with LINKSPAN_ENDED ended messages, each with a sealed body and the sealed record of
 * its one call, as an engine leaves them. The first goes through the journal, which makes the schema and the names; the
 * others are copied in beside it. Their bodies are small: what a long history could slow down is its rows and indexes.
 */
import { Client } from 'pg'
import { type Journal, postgres, seal } from 'linkspan/journal'
import { binaryRow, copyIn, int2, int4, int8 } from './copy-in.ts'
import { batchOf, filledEnding, filledMessage, outside } from './filling.ts'

const count = Number(process.env['LINKSPAN_ENDED'] ?? 20_000_000)
const url = process.env['DATABASE_URL'] ?? ''
const VOLUME = 1_000_000
const ROWS_PER_PIECE = 2_000

const at = Date.now()
const token = 'filled000000'
const body = seal(Buffer.from('{"order":"filled"}'), `b:${token}`, 'json')
const outcome = { t: 'done', p: 'deliver', at, ms: 2, g: 0, i: { order: 'filled' } }
const record = Buffer.from(JSON.stringify([outcome]))
const frameOf = (seq: number): Uint8Array => seal(record, `r:${seq}:0`, 'json')

/** The columns that are filled, in the order of the fields below. */
const MESSAGE = 'seq, accepted_at, flow, code_version, size, partition, token, headers, body'
const SETTLEMENT = 'seq, ended_at, flow, attempt, n, ending, child, reason, frame'

const first = await throughJournal(await postgres({ url, volumeSize: VOLUME }).open(outside('.')))
if (count > 1) await besideIt(first + 1, first + count - 1)

/** Accepts a message and ends it; answers its place. */
async function throughJournal(journal: Journal): Promise<number> {
  const { accepted } = await journal.commit(batchOf(1, { accept: [filledMessage(token, at, body)] }))
  const { seq } = accepted[0]!
  await journal.commit(batchOf(2, { settle: [filledEnding(seq, at, frameOf(seq))] }))
  await journal.close()
  return seq
}

/** One copy per table and volume; then the counts, and what the server would do by itself while others are measured. */
async function besideIt(from: number, to: number): Promise<void> {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query(`SELECT flow, code_version AS version FROM linkspan.messages`)
  const [{ flow, version }] = rows as [{ flow: string; version: string }]
  const message = messageRow(Number(flow), Number(version))
  await client.query(`SELECT linkspan.add_volumes_1(${VOLUME}, ${to + 1}, 1)`)
  await client.query('SELECT linkspan.announce_volumes_1()')
  await client.query(`SELECT linkspan.use_volumes_1(max(hi)) FROM linkspan.volumes`)
  for (let lo = from; lo <= to; lo += VOLUME) {
    const hi = Math.min(to, lo + VOLUME - 1)
    await copyIn(client, `linkspan.messages (${MESSAGE})`, pieces(lo, hi, message))
    await copyIn(client, `linkspan.settlements (${SETTLEMENT})`, pieces(lo, hi, settlementRow(Number(flow))))
  }
  await client.query(`UPDATE linkspan.head SET last_seq = ${to}`)
  await client.query(`UPDATE linkspan.tallies SET count = count + ${to - from + 1} WHERE slot = 0`)
  await client.query('VACUUM (ANALYZE) linkspan.messages, linkspan.settlements')
  await client.query('CHECKPOINT')
  await client.end()
}

/** The row of a place; one buffer that is written anew for each, and copied by who takes it. */
type RowOf = (seq: number) => Buffer

function messageRow(flow: number, version: number): RowOf {
  const fields = [int8(0), int8(at), int8(flow), int8(version), int4(body.byteLength), int2(0)]
  const row = binaryRow([...fields, Buffer.from(token), Buffer.from('{}'), Buffer.from(body)])
  return (seq) => placed(row, seq)
}

function settlementRow(flow: number): RowOf {
  const no = Buffer.alloc(1)
  const fields = [int8(0), int8(at), int8(flow), int4(0), int4(0), int2(0), no, Buffer.alloc(0)]
  const row = binaryRow([...fields, Buffer.from(frameOf(0))])
  const frameAt = row.length - frameOf(0).byteLength
  return (seq) => {
    row.set(frameOf(seq), frameAt)
    return placed(row, seq)
  }
}

/** The place is the first field: after the count of fields and its own length. */
function placed(row: Buffer, seq: number): Buffer {
  row.writeUInt32BE(Math.floor(seq / 2 ** 32), 6)
  row.writeUInt32BE(seq % 2 ** 32, 10)
  return row
}

function* pieces(lo: number, hi: number, rowOf: RowOf): Iterable<Buffer> {
  for (let from = lo; from <= hi; from += ROWS_PER_PIECE) {
    const rows = Math.min(ROWS_PER_PIECE, hi - from + 1)
    const width = rowOf(from).length
    const piece = Buffer.allocUnsafe(rows * width)
    for (let nth = 0; nth < rows; nth += 1) piece.set(rowOf(from + nth), nth * width)
    yield piece
  }
}
