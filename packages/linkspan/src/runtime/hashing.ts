/** A 32-bit hash of a text: FNV-1a, finished as MurmurHash3 does so that all bits depend on all characters. */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** `words` times 8 hexadecimal digits of a text. Not for secrets. */
export function hashHex(text: string, words: number): string {
  let hex = ''
  for (let word = 0; word < words; word += 1)
    hex += hash32(text, Math.imul(word + 1, 0x9e3779b9))
      .toString(16)
      .padStart(8, '0')
  return hex
}

/** A number in [0, 1) that is a function of a text and a count. */
export function seededRandom(seed: string, draw: number): number {
  return hash32(seed, Math.imul(draw, 0x9e3779b9)) / 0x1_0000_0000
}
