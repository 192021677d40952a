/**
 * Those who are present now, where many come and go. V8's Map and Set leave their members in the tables they outgrow,
 * and such a table, once old, keeps them from being collected until the next full collection; here a place is used
 * again as soon as it is left.
 */
export interface Roster<T> extends Iterable<T> {
  /** Answers the place, to be given back by {@link leave}. */
  join(member: T): number
  leave(place: number): void
  find(fits: (member: T) => boolean): T | undefined
}

/** Makes an empty roster. */
export function createRoster<T>(): Roster<T> {
  const members: (T | undefined)[] = []
  const free: number[] = []
  function* present(): Generator<T> {
    for (const member of members) if (member !== undefined) yield member
  }
  return {
    join(member) {
      const place = free.pop() ?? members.length
      members[place] = member
      return place
    },
    leave(place) {
      if (members[place] === undefined) return
      members[place] = undefined
      free.push(place)
    },
    find: (fits) => members.find((member) => member !== undefined && fits(member)),
    [Symbol.iterator]: present,
  }
}
