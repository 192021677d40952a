import type { BudgetRules } from '../../model/budget.ts'
import type { Clock } from '../../model/outside.ts'
import type { BudgetStatus } from '../admin-api.ts'
import { type Ask, type Back, LIFE, type Share, SLICES, sliceMs } from './allowance.ts'
import type { AllowanceCell } from './allowance-cell.ts'
import { createTickets } from './tickets.ts'

/** What one engine has of a connection's budget, and who waits for it. */
export interface Purse {
  /**
   * Leave to make one call, at once or shortly; or when to come back for it. `id` is the same when the message comes
   * back, and `limitMs` how long the call may take.
   */
  permit(id: number, limitMs: number): Permit | Promise<Permit | ComeBack>
  /** The system said how many more calls it takes, and for how long that is so. */
  learn(said: { readonly remaining: number; readonly resetMs: number }): void
  readonly status: Omit<BudgetStatus, 'connection'>
  /** Ends all waiting: those who wait are never answered, as whoever stops does not wait for them. */
  close(): void
}

/** Leave to make one call. */
export interface Permit {
  /** Asked right before the call: whether it may be made now. When not, `anew` waits for other leave; `leaves` says whether the message can be told to come back. */
  use(): boolean
  /** Asked again where a request is written, which may be later. */
  readonly isGood: boolean
  anew(leaves: boolean): Promise<Permit | ComeBack>
  /** The call is over, or was not made. */
  release(): void
}

/** No leave for long: the message is to come back at a time. */
export interface ComeBack {
  readonly at: number
}

/** What a purse is made of. */
export interface PurseOptions {
  readonly rules: BudgetRules
  readonly cell: AllowanceCell
  readonly clock: Clock
  readonly member: number
  readonly used: () => void
  readonly sentBack: () => void
}

interface Waiter {
  readonly id: number
  readonly limitMs: number
  readonly since: number
  /** Whether it can be told to come back. */
  readonly leaves: boolean
  /** Whether it was told to come back, and did. */
  readonly returns: boolean
  readonly answer: (answer: Permit | ComeBack) => void
}

/** Who can be served within this time waits here; others are sent back to the journal. */
const SHORT_MS = 1_000
const PLACES_MS = 10_000
const IDLE_MS = 1_000
const AGAIN_MS = 1_000
const SOON_MS = 10
const FIRST_CALL_MS = 1_000
const MOST_EXTRA = 1_000
const LONGEST_HOLD_MS = 86_400_000
const NOTHING: Share = {
  starts: 0,
  slice: 0,
  day: 0,
  from: 0,
  until: 0,
  places: 0,
  placesUntil: 0,
  yields: false,
  heldUntil: 0,
  next: 0,
  engines: 1,
}

/** Makes the purse of one connection. */
export function createPurse(options: PurseOptions): Purse {
  const { rules, cell, clock, member } = options
  const tickets = createTickets(rules.perDay)
  let share = NOTHING
  /** Starts of the share that are not used yet. */
  let starts = 0
  let back: Back[] = []
  let waiters: Waiter[] = []
  let underWay = 0
  let peak = 0
  let longestMs = 0
  /** How many more starts than asked for were used up before their time. */
  let extra = 0
  let heldUntil = 0
  let left: readonly [number, number] | null = null
  /** How long the journal took to answer last, when that was longer than a slice. */
  let ahead = 0
  /** How long calls take, about; a guess until one has ended. */
  let callMs = FIRST_CALL_MS
  let lastEnd = clock.monotonic()
  let state: 'idle' | 'asking' | 'closed' = 'idle'
  /** Set while nothing can be had before its time. */
  let retry: (() => void) | null = null
  let idle: (() => void) | null = null

  const isHeld = (now: number): boolean => now < Math.max(heldUntil, share.heldUntil)
  const hasStart = (now: number): boolean => starts > 0 && now >= share.from && now < share.until
  const hasPlace = (now: number, limitMs: number): boolean =>
    rules.concurrent === null ||
    (!share.yields && underWay < share.places && now + limitMs <= share.placesUntil)

  const grant = (id: number, limitMs: number): Permit | null => {
    longestMs = Math.max(longestMs, limitMs)
    const now = clock.now()
    if (isHeld(now) || !hasStart(now) || !hasPlace(now, limitMs)) return null
    starts -= 1
    if (underWay === 0) lastEnd = clock.monotonic()
    underWay += 1
    peak = Math.max(peak, underWay)
    return permitOf(id, limitMs, share)
  }

  const permitOf = (id: number, limitMs: number, of: Share): Permit => {
    let began: number | null = null
    let open = true
    const permit: Permit = {
      get isGood() {
        const now = clock.now()
        const placed = rules.concurrent === null || now + limitMs <= share.placesUntil
        return now >= of.from && now < of.until && placed && !isHeld(now)
      },
      use() {
        if (!permit.isGood) return false
        if (began === null) options.used()
        began = clock.monotonic()
        return true
      },
      anew(leaves) {
        permit.release()
        return wait(id, limitMs, { leaves, returns: true })
      },
      release() {
        if (!open) return
        open = false
        underWay -= 1
        if (began === null) returned(of)
        else ended(clock.monotonic() - began)
        if (retry === null || starts > 0) pump()
        armIdle()
      },
    }
    return permit
  }

  const ended = (ms: number): void => {
    callMs += (ms - callMs) / 8
    lastEnd = clock.monotonic()
  }

  const returned = (of: Share): void => {
    if (of === share && state === 'idle') starts += 1
    else back.push({ slice: of.slice, day: of.day, count: 1 })
  }

  const wait = (
    id: number,
    limitMs: number,
    how: Pick<Waiter, 'leaves' | 'returns'>,
  ): Promise<Permit | ComeBack> =>
    new Promise((answer) => {
      waiters.push({ id, limitMs, answer, since: clock.now(), ...how })
      pump()
    })

  const serve = (): void => {
    let served = 0
    for (const { id, limitMs, answer } of waiters) {
      const permit = grant(id, limitMs)
      if (permit === null) break
      served += 1
      answer(permit)
    }
    waiters = served === 0 ? waiters : waiters.slice(served)
  }

  const pump = (): void => {
    serve()
    if (waiters.length === 0) return
    if (retry === null) ask()
    else if (state === 'idle') putOff()
  }

  const ask = (): void => {
    if (state !== 'idle') return
    state = 'asking'
    disarm()
    const began = clock.now()
    // A share that was used up before its time is followed by a larger one.
    extra = starts > 0 ? 0 : began < share.until ? Math.min(MOST_EXTRA, Math.max(1, extra * 2)) : extra
    if (starts > 0) back.push({ slice: share.slice, day: share.day, count: starts })
    starts = 0
    const asking = asked(began)
    back = []
    left = null
    cell.take(asking).then(
      (taken) => took(taken, asking),
      () => close(),
    )
  }

  const asked = (now: number): Ask => ({
    member,
    now,
    at: now + ahead,
    demand: waiters.length,
    extra: waiters.length === 0 ? 0 : extra,
    back,
    inUse: underWay,
    places: rules.concurrent === null ? 0 : Math.min(rules.concurrent, wantedPlaces()),
    leaseMs: longestMs + PLACES_MS,
    hold: heldUntil,
    left,
  })

  const wantedPlaces = (): number => {
    const wanted = Math.max(underWay + waiters.length, peak)
    peak = underWay
    return wanted
  }

  const took = (taken: Share, asking: Ask): void => {
    if (state === 'closed') return
    state = 'idle'
    const late = clock.now() - asking.now
    ahead = late > sliceMs(rules) ? late : 0
    share = taken
    starts = taken.starts
    serve()
    const more = waiters.length > 0 && taken.starts >= asking.demand && hasMore()
    if (more || heldUntil > taken.heldUntil) ask()
    else if (waiters.length > 0) putOff()
    else armIdle()
  }

  /** Who came while the journal was asked is not what it was asked for. */
  const hasMore = (): boolean => {
    const { limitMs } = waiters[0] as Waiter
    const now = clock.now()
    return starts === 0 && !isHeld(now) && share.next <= now && hasPlace(now, limitMs)
  }

  /** Whoever can be served shortly goes on waiting here; the others come back at a time of their own. */
  const putOff = (): void => {
    const now = clock.now()
    const first = nextChance(now)
    const staying = Math.max(0, Math.floor((now + SHORT_MS - first) / spacingMs()) + 1)
    const kept: Waiter[] = []
    for (const waiter of waiters) {
      const stays = kept.length < staying && now - waiter.since < SHORT_MS
      if (!waiter.leaves || stays) kept.push(waiter)
      else waiter.answer(comeBack(waiter.id, first, waiter.returns))
    }
    waiters = kept
    if (kept.length > 0) armRetry(Math.max(SOON_MS, Math.min(first - now, AGAIN_MS)))
  }

  const comeBack = (id: number, first: number, inVain: boolean): ComeBack => {
    options.sentBack()
    const now = clock.now()
    const earliest = Math.max(first, now + SHORT_MS)
    return { at: Math.ceil(tickets.give(id, { now, earliest, spacingMs: spacingMs(), inVain })) }
  }

  const nextChance = (now: number): number => {
    const held = Math.max(heldUntil, share.heldUntil)
    const byStarts = starts > 0 && now < share.until ? share.from : share.next
    const byPlaces =
      rules.concurrent !== null && underWay >= share.places ? now + Math.max(SOON_MS, slowMs()) : now
    return Math.max(now, held, byStarts, byPlaces)
  }

  /** How far apart calls of this engine begin, in the long run. */
  const spacingMs = (): number => {
    const { rate, concurrent } = rules
    const byRate = rate === null ? 0 : (rate.perMs * (SLICES + LIFE)) / SLICES / rate.starts
    const byPlaces = concurrent === null ? 0 : slowMs() / concurrent
    return Math.max(1, Math.max(byRate, byPlaces) * share.engines)
  }

  /** Calls that have not ended for long tell of their length too. */
  const slowMs = (): number => Math.max(callMs, underWay > 0 ? clock.monotonic() - lastEnd : 0)

  const armRetry = (ms: number): void => {
    retry?.()
    retry = clock.timer(ms, () => {
      retry = null
      pump()
    })
  }

  /** Gives back places that nobody here uses. */
  const armIdle = (): void => {
    if (rules.concurrent === null || state !== 'idle' || idle !== null || share.places <= underWay) return
    idle = clock.timer(IDLE_MS, () => {
      idle = null
      if (share.places > underWay) ask()
    })
  }

  const disarm = (): void => {
    retry?.()
    idle?.()
    retry = null
    idle = null
  }

  const close = (): void => {
    state = 'closed'
    disarm()
    waiters = []
  }

  return {
    permit(id, limitMs) {
      const returns = tickets.redeem(id)
      const now = clock.now()
      // Whoever came before and waits in the journal is served before who comes now.
      if (!returns && tickets.end > now + SHORT_MS)
        return Promise.resolve(comeBack(id, nextChance(now), false))
      const permit = waiters.length === 0 ? grant(id, limitMs) : null
      return permit ?? wait(id, limitMs, { leaves: true, returns })
    },
    learn({ remaining, resetMs }) {
      const until = clock.now() + Math.min(LONGEST_HOLD_MS, Math.max(0, resetMs))
      if (remaining > 0) {
        left = [remaining, until]
        if (starts > remaining) {
          back.push({ slice: share.slice, day: share.day, count: starts - remaining })
          starts = remaining
        }
      } else if (until > Math.max(heldUntil, share.heldUntil)) {
        heldUntil = until
        ask()
      }
    },
    get status() {
      const held = Math.max(heldUntil, share.heldUntil)
      return {
        waiting: waiters.length + tickets.size,
        underWay,
        heldUntil: held > clock.now() ? held : null,
      }
    },
    close,
  }
}
