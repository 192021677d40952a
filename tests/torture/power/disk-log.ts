/** Reads what `disk-log.c` wrote down. */

/** One thing that a process did to its files. Names are relative to the folder. */
export type DiskRecord =
  | { readonly kind: 'create' | 'unlink'; readonly name: string }
  | { readonly kind: 'write'; readonly name: string; readonly at: number; readonly data: Uint8Array }
  | { readonly kind: 'resize'; readonly name: string; readonly size: number }
  /** What was done to a file before the record at `before` is on the disk. */
  | { readonly kind: 'sync'; readonly name: string; readonly before: number }
  /** The same of the names of all files. */
  | { readonly kind: 'syncFolder'; readonly before: number }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }

const HEAD = 20

/** All records of a log, in order. A last one that was cut off did not happen. */
export function readDiskLog(log: Buffer): readonly DiskRecord[] {
  return readPlacedLog(log).map(({ record }) => record)
}

/** The same, each with the length of the log up to its end. */
export function readPlacedLog(
  log: Buffer,
): readonly { readonly record: DiskRecord; readonly upTo: number }[] {
  const records: { readonly record: DiskRecord; readonly upTo: number }[] = []
  for (let from = 0; from + HEAD <= log.length; ) {
    const nameLength = log.readUInt32LE(from + 4)
    const dataLength = log.readUInt32LE(from + 8)
    const number = Number(log.readBigInt64LE(from + 12))
    const data = from + HEAD + nameLength
    const end = data + dataLength
    if (end > log.length) break
    const name = log.toString('utf8', from + HEAD, data)
    const record = recordOf(log.readUInt32LE(from), name, number, log.subarray(data, end))
    records.push({ record, upTo: end })
    from = end
  }
  return records
}

function recordOf(kind: number, name: string, number: number, data: Buffer): DiskRecord {
  switch (kind) {
    case 1:
      return { kind: 'create', name }
    case 2:
      return { kind: 'write', name, at: number, data }
    case 3:
      return { kind: 'resize', name, size: number }
    case 4:
      return { kind: 'sync', name, before: number }
    case 5:
      return { kind: 'syncFolder', before: number }
    case 6:
      return { kind: 'rename', name, to: data.toString('utf8') }
    case 7:
      return { kind: 'unlink', name }
    default:
      throw new Error(`The log of the disk has a record of kind ${kind}, which is none.`)
  }
}
