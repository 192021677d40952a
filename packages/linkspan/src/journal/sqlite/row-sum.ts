import { crc32 } from 'node:zlib'

/** A column that is null is not the same as an empty one. */
const text = (value: string | number | null): string => (value === null ? '\u0000' : `\u0001${value}`)

/** The checksum of a message's row without its body. Names in plain text, so a damaged name is seen too. */
export function messageSum(
  seq: number,
  flow: string,
  key: string | null,
  token: string,
  acceptedAt: number,
  codeVersion: string,
  headers: string,
  fields: string | null,
  parent: { readonly seq: number; readonly id: string; readonly path: string; readonly index: number } | null,
  size: number,
  bodySum: number,
): number {
  const own = `${seq}|${flow}|${text(key)}|${token}|${acceptedAt}|${codeVersion}|${headers}|${size}|${bodySum}`
  if (parent === null && fields === null) return crc32(own)
  const line = parent === null ? '' : `${parent.seq}|${parent.id}|${parent.path}|${parent.index}`
  return crc32(`${own}|${text(fields)}|${line}`)
}

/** The checksum of a settlement's row. */
export function settlementSum(
  seq: number,
  flow: string,
  child: boolean,
  ending: number,
  endedAt: number,
  attempt: number,
  n: number,
  reason: string,
  frame: Uint8Array | null,
): number {
  const own = crc32(
    `${seq}|${flow}|${child ? 1 : 0}|${ending}|${endedAt}|${attempt}|${n}|${frame === null}|${reason}`,
  )
  return frame === null ? own : crc32(frame, own)
}

/** The checksum of a frame in a message's record. */
export function recordSum(seq: number, n: number, frame: Uint8Array): number {
  return crc32(frame, crc32(`${seq}|${n}`))
}

/** The checksum of a wait's row. */
export function waitSum(
  seq: number,
  flow: string,
  key: string | null,
  reason: number,
  wakeAt: number | null,
  hold: number,
  parent: number | null,
  attempt: number,
  bytes: number,
  acceptedAt: number,
  kin: number,
  lane: number,
): number {
  const times = `${text(wakeAt)}|${text(parent)}|${attempt}|${bytes}|${acceptedAt}`
  return crc32(`${seq}|${flow}|${text(key)}|${reason}|${hold}|${kin}|${lane}|${times}`)
}

/** The checksum of a cell of state. */
export function stateSum(scope: string, key: string, until: number | null, value: Uint8Array): number {
  return crc32(value, crc32(`${scope}\u0000${key}\u0000${text(until)}`))
}

/** The checksum of a row that has plain columns only. */
export function plainSum(...columns: readonly (string | number | null)[]): number {
  return crc32(columns.map(text).join('\u0000'))
}
