import type { Ask } from './schema.ts'

/** The volumes in which the history lies, so many places each, made ahead of need. */
export interface Volumes {
  /** Makes sure that there is room for a place; resolves when there is. */
  cover(place: number): Promise<void>
  /** Makes sure that there is room for so many more places than were given by anybody: a commit found none. */
  coverAhead(count: number): Promise<void>
  /** Makes the next volume in good time, in the background. */
  keepAhead(lastSeq: number): void
}

/** Keeps volumes of `size` places. `onFailed` is told when one could not be made ahead; it is tried again. */
export function createVolumes(
  ask: Ask,
  schema: string,
  size: number,
  onFailed: (error: unknown) => void,
): Volumes {
  let end = 0
  let making: Promise<void> | null = null
  const make = async (upTo: number, ahead: number): Promise<void> => {
    const [row] = await ask(`SELECT hi, usable FROM ${schema}.add_volumes_1($1, $2, $3)`, [size, upTo, ahead])
    const { hi, usable } = row as unknown as { hi: number; usable: boolean }
    if (!usable) {
      await ask(`SELECT ${schema}.announce_volumes_1()`)
      await ask(`SELECT ${schema}.use_volumes_1($1)`, [hi])
    }
    end = hi
  }
  const cover = async (place: number): Promise<void> => {
    await making?.catch(() => undefined)
    if (place < end) return
    await makeAlone(place, 1)
  }
  const makeAlone = async (place: number, ahead: number): Promise<void> => {
    making = make(place, ahead).finally(() => {
      making = null
    })
    await making
  }
  return {
    cover,
    coverAhead: async (count) => {
      await making?.catch(() => undefined)
      await makeAlone(0, count)
    },
    keepAhead: (lastSeq) => {
      const wanted = lastSeq + Math.ceil(size / 2)
      if (wanted >= end && making === null) cover(wanted).catch(onFailed)
    },
  }
}
