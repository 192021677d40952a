const SEED = 0x9747b28c
const FACTOR = 0x5bd1e995

/**
 * Where the records of a key lie: as Kafka's own client for Java has it (murmur2, its sign left out), so that the records of
 * one key meet in one partition whoever writes them. The client library's own takes time by the square of the key's length.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** MurmurHash2 by Austin Appleby, of 32 bits, as a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length - (bytes.length % 4)
  let hash = SEED ^ bytes.length
  for (let at = 0; at < whole; at += 4) hash = Math.imul(hash, FACTOR) ^ mixed(view.getInt32(at, true))
  if (whole < bytes.length) {
    for (let at = bytes.length - 1; at >= whole; at--) hash ^= (bytes[at] as number) << (8 * (at - whole))
    hash = Math.imul(hash, FACTOR)
  }
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR)
  return hash ^ (hash >>> 15)
}

function mixed(word: number): number {
  const product = Math.imul(word, FACTOR)
  return Math.imul(product ^ (product >>> 24), FACTOR)
}
