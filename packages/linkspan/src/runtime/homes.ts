/** Where a message belongs. */
export interface Home {
  readonly partition: number
  /** Whether this engine runs it. */
  readonly here: boolean
}

/** Finds the partition of a message. */
export interface Homes {
  /** Of a flow's key: the same on every engine, as long as the flow's identity is the same. */
  ofKey(identity: string, key: string): Home
  /** For a message without a key: one of this engine's own, as any engine may run it. */
  ofNoKey(): Home
}

/** Makes the finder, over the set of partitions that this engine runs: its share. */
export function createHomes(partitions: number, owned: ReadonlySet<number>): Homes {
  if (partitions === 1) {
    const only: Home = { partition: 0, here: true }
    return { ofKey: () => only, ofNoKey: () => only }
  }
  let turn = 0
  return {
    ofKey(identity, key) {
      const partition = partitionOf(identity, key, partitions)
      return { partition, here: owned.has(partition) }
    },
    ofNoKey() {
      turn += 1
      const own = [...owned]
      const partition = own[turn % own.length] ?? turn % partitions
      return { partition, here: own.length > 0 }
    },
  }
}

const FNV_START = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a over the code units of both texts: every engine must come to the same, in every version of this library. */
export function partitionOf(identity: string, key: string, partitions: number): number {
  let hash = FNV_START
  for (const text of [identity, '\u0000', key])
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME)
  // FNV's low bits differ little between short texts.
  return ((hash ^ (hash >>> 15)) >>> 0) % partitions
}
