/**
 * Who should own how many partitions. Between floor and ceiling of the even share, and none below the floor while
 * another is above it: so joining and leaving move as little as they can.
 */
export interface Shares {
  readonly partitions: number
  /** How many partitions each live member owns, by its number. */
  readonly owned: ReadonlyMap<number, number>
}

/** How many unowned partitions a member takes now: what those below the floor lack is left to them. */
export function sharesToTake({ partitions, owned }: Shares, member: number): number {
  const own = owned.get(member) as number
  const floor = Math.floor(partitions / owned.size)
  const ceiling = Math.ceil(partitions / owned.size)
  const free = partitions - sum(owned.values())
  const others = [...owned].filter(([other]) => other !== member)
  const lacking = sum(others.map(([, count]) => Math.max(0, floor - count)))
  const toFloor = Math.min(free, Math.max(0, floor - own))
  const toCeiling = Math.min(ceiling - own - toFloor, free - toFloor - lacking)
  return toFloor + Math.max(0, toCeiling)
}

/** How many partitions a member is to give back, so that those below the floor come up to it. */
export function sharesToGive({ partitions, owned }: Shares, member: number): number {
  const floor = Math.floor(partitions / owned.size)
  const counts = new Map(owned)
  let lacking =
    sum([...owned.values()].map((count) => Math.max(0, floor - count))) - (partitions - sum(owned.values()))
  for (; lacking > 0; lacking -= 1) {
    const [richest, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))
    counts.set(richest, count - 1)
  }
  return (owned.get(member) as number) - (counts.get(member) as number)
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
