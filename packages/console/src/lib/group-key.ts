import type { CauseGroup } from 'linkspan'

/** A short name for a group that is the same each time, for addresses (FNV-1a, 53 bits of two runs). */
export function groupKey({
  flow,
  state,
  step,
  code,
  cause,
}: Omit<CauseGroup, 'ids' | 'sample' | 'count' | 'first' | 'last'>): string {
  const text = JSON.stringify([flow, state, step, code, cause])
  return `${hash(text, 0x811c9dc5).toString(36)}${hash(text, 0x9747b28c).toString(36)}`
}

function hash(text: string, seed: number): number {
  let value = seed
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}
