/** Places in rising order. */
export interface Places {
  readonly size: number
  add(place: number): void
  remove(place: number): void
  /** Those above a place, rising. */
  above(place: number): Generator<number>
  /** Those below a place, falling. */
  below(place: number): Generator<number>
  copy(): Places
}

/** Makes a set of places. */
export function createPlaces(all: number[] = []): Places {
  /** The index of the first one that is not below. */
  const indexOf = (place: number): number => {
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((all[middle] as number) < place) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    get size() {
      return all.length
    },
    add: (place) => {
      const at = indexOf(place)
      if (all[at] !== place) all.splice(at, 0, place)
    },
    remove: (place) => {
      const at = indexOf(place)
      if (all[at] === place) all.splice(at, 1)
    },
    *above(place) {
      for (let at = indexOf(place + 1); at < all.length; at++) yield all[at] as number
    },
    *below(place) {
      for (let at = indexOf(place) - 1; at >= 0; at--) yield all[at] as number
    },
    copy: () => createPlaces([...all]),
  }
}
