/** A place in PostgreSQL's log as it is written: `16/B374D848`. */
const LSN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i

/** Reads a place in PostgreSQL's log. */
export function readLsn(text: string): bigint {
  const [, high, low] = LSN.exec(text) ?? []
  if (high === undefined || low === undefined)
    throw new TypeError(`"${text}" is no place in a log of PostgreSQL.`)
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** Writes a place in PostgreSQL's log as PostgreSQL does. */
export function lsnText(lsn: bigint): string {
  const hex = (part: bigint): string => part.toString(16).toUpperCase()
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}`
}
