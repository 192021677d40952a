/** What may be forgotten. */
export interface ForgetBounds {
  readonly endedBefore: number
  readonly attentionBefore: number
  readonly now: number
}

/** Places to look at: those above `after` and below `stop`. */
export interface Stretch {
  readonly after: number
  readonly stop: number
}

/** What was found in a stretch. */
export interface Found {
  /** How many ended messages were looked at, and the most that it could be. */
  readonly count: number
  readonly limit: number
  /** The place of the last one; null when there was none. */
  readonly last: number | null
  readonly forgotten: number
  /** Whether all of them were accepted, and ended, too late to be forgotten. */
  readonly young: boolean
  /** How far the bounds have to move until the first that is kept for its own time has had it; null: there is none. */
  readonly soonest: number | null
}

/** The way of forgetting through the history, from its oldest place on, again and again. */
export interface Walk {
  /** Where to look next, below the low water. */
  next(bounds: ForgetBounds, lowWater: number): Stretch
  /** Takes in what was found, and goes on behind it; answers false when the walk came round. */
  goOn(stretch: Stretch, found: Found, bounds: ForgetBounds): boolean
}

/** The share of the retention that messages may be kept longer, where that saves looking at them again and again. */
export const GRACE: number = 1 / 8

/** How long messages may be kept beyond their time. */
export function graceOf({ endedBefore, attentionBefore, now }: ForgetBounds): number {
  return Math.max(0, now - Math.max(endedBefore, attentionBefore)) * GRACE
}

/** Places above `after` up to `last` of which nothing may be forgotten while the bounds are at most these. */
interface Rest {
  readonly after: number
  readonly last: number
  readonly count: number
  readonly endedBefore: number
  readonly attentionBefore: number
}

/**
 * Makes a walk. Stretches of which all is kept are remembered and left out for a while: else the million children of
 * one open message would be looked at in each round. What ends meanwhile is young for longer than that.
 */
export function createWalk(): Walk {
  let place = 0
  /** Rests of the last round that lie ahead, from `at` on, and those behind; in the order of their places. */
  let ahead: Rest[] = []
  let at = 0
  let behind: Rest[] = []

  const comeRound = (): false => {
    ahead = [...behind, ...ahead.slice(at)]
    behind = []
    at = 0
    place = 0
    return false
  }
  const remember = (rest: Rest): void => {
    behind.push(rest)
    place = rest.last
  }
  return {
    next: (bounds, lowWater) => {
      for (let rest = ahead[at]; rest !== undefined; rest = ahead[at]) {
        const over = !lasts(rest, bounds) || rest.last <= place
        if (!over && rest.after > place) break
        at += 1
        if (!over) remember(rest)
      }
      return { after: place, stop: Math.min(lowWater, (ahead[at]?.after ?? lowWater) + 1) }
    },
    goOn: (stretch, { count, limit, last, forgotten, young, soonest }, bounds) => {
      const rest = ahead[at]
      const full = count === limit
      const upToRest = !full && rest !== undefined && rest.after + 1 === stretch.stop
      if (full ? young : count === 0 && !upToRest) return comeRound()
      const grace = graceOf(bounds)
      if (last !== null && forgotten === 0 && grace > 0 && (full || upToRest)) {
        const by = Math.min(grace, soonest ?? grace)
        const { endedBefore, attentionBefore } = bounds
        const both = { endedBefore: endedBefore + by, attentionBefore: attentionBefore + by }
        join(behind, { after: stretch.after, last, count, ...both }, limit)
      }
      // What lies between is gone: from now on the two are neighbours.
      if (upToRest) ahead[at] = { ...rest, after: last ?? stretch.after }
      place = last ?? stretch.after
      return true
    },
  }
}

function lasts(rest: Rest, { endedBefore, attentionBefore }: ForgetBounds): boolean {
  return endedBefore <= rest.endedBefore && attentionBefore <= rest.attentionBefore
}

/** Adds a rest, to the last one where the two are small, so that there are not many of few messages. */
function join(rests: Rest[], rest: Rest, limit: number): void {
  const before = rests.at(-1)
  if (before === undefined || before.last !== rest.after || before.count + rest.count > limit) {
    rests.push(rest)
    return
  }
  rests[rests.length - 1] = {
    after: before.after,
    last: rest.last,
    count: before.count + rest.count,
    endedBefore: Math.min(before.endedBefore, rest.endedBefore),
    attentionBefore: Math.min(before.attentionBefore, rest.attentionBefore),
  }
}
