/** A 32-bit hash of a text: FNV-1a, finished as MurmurHash3 does so that all bits depend on all characters. */
export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return mix32(hash)
}

/** Mixes all bits of a 32-bit number into all others (the finalizer of MurmurHash3). */
function mix32(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** `words` times 8 hexadecimal digits of a text, from 64 bits of state gathered in one go. Not for secrets. */
export function hashHex(text: string, words: number): string {
  let one = 0x811c9dc5
  let two = 0x9e3779b9
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    one = Math.imul(one ^ code, 0x01000193)
    two = Math.imul((two << 7) ^ (two >>> 25) ^ code, 0x5bd1e995)
  }
  let hex = ''
  for (let word = 1; word <= words; word += 1) {
    one = mix32(one ^ two)
    two = (two + Math.imul(word, 0x9e3779b9)) | 0
    hex += (one + 0x1_0000_0000).toString(16).slice(1)
  }
  return hex
}

/** A number in [0, 1) that is a function of a text and a count. */
export function seededRandom(seed: string, draw: number): number {
  return hash32(seed, Math.imul(draw, 0x9e3779b9)) / 0x1_0000_0000
}
