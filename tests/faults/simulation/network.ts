/** The network between the engines and the systems, with the faults that the plan draws. */
import { LinkspanError, type Verdict } from 'linkspan/connect'
import type { Life } from './engines.ts'
import type { Failpoint, Fault } from './failpoints.ts'
import { type Echo, type Request, type Sunk, type Systems, shown } from './systems.ts'
import type { World } from './world.ts'

/** What a client of one engine can do. */
export interface Network {
  call(life: Life, request: Request): Promise<Echo>
  /** Asks whether a call was applied. */
  ask(life: Life, request: Request): Promise<Verdict<Echo>>
  /** What the feed has behind a place, a few at most. */
  read(life: Life, after: number): Promise<readonly Sunk[]>
  /** Messages of which the network repeated a call, or left one without a word of what became of it. */
  readonly disturbed: ReadonlySet<string>
  readonly calls: number
  /** The place in the feed behind which was asked for last. */
  readonly readTo: number
}

/** The time limit of each call. */
export const TIMEOUT_MS = 2_000
/** How long after the time limit a call may still take effect where it can be asked for. */
export const SETTLE_MS = 1_000
const LATEST_MS = 800
const PAGE = 4

/** How one exchange goes: when the request arrives, and when its sender hears of what. */
interface Course {
  /** Milliseconds from now; several for a request that arrives more than once. */
  readonly arrives: readonly number[]
  /** Null when nothing comes back. */
  readonly hears: number | null
  readonly error: LinkspanError | null
}

/** Makes the network of a run. */
export function createNetwork(world: World, systems: Systems): Network {
  const { clock, plan, story } = world
  const draws = world.draws('network')
  const disturbed = new Set<string>()
  let calls = 0
  let readTo = 0

  /** Runs one exchange; `arrive` answers what is sent back. A dead sender hears nothing. */
  const exchange = <T>(
    life: Life,
    at: Failpoint,
    what: string,
    disturb: () => void,
    arrive: () => T,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const fault = plan.pass([at], life.phase)
      if (fault !== null && DISTURBING.has(fault)) disturb()
      const course = courseOf(fault, 1 + draws.whole(0, 40), draws.whole(1, LATEST_MS))
      story.tell(`${life.name} ${what}${fault === null ? '' : ` -> ${fault.toUpperCase()}`}`)
      let answer: (() => void) | null = null
      for (const after of course.arrives)
        clock.timer(after, () => {
          try {
            const result = arrive()
            answer ??= () => resolve(result)
          } catch (thrown) {
            answer ??= () => reject(thrown)
          }
        })
      if (course.hears !== null)
        clock.timer(course.hears, () =>
          life.whenAwake(() => {
            if (course.error) reject(course.error)
            else answer?.()
            if (fault === 'killed after') clock.defer(() => life.kill(`after an answer: ${what}`))
          }),
        )
      if (fault === 'frozen during') life.freeze(`during: ${what}`)
      if (fault === 'killed before' || fault === 'killed during') life.kill(`${fault}: ${what}`)
      if (fault === 'stopped') clock.defer(() => life.stop(`during: ${what}`))
    })

  return {
    disturbed,
    get calls() {
      return calls
    },
    get readTo() {
      return readTo
    },
    call(life, request) {
      if (!life.alive) return silence()
      calls += 1
      checkPaused(world, life, request)
      const disturb = (): void => void disturbed.add(request.messageId)
      const calling = `calls ${request.system}: ${shown(request)}`
      return exchange(life, `call at ${request.system}`, calling, disturb, () => {
        const arrival = systems.arrive(request)
        if ('result' in arrival) return arrival.result
        throw new LinkspanError('CALL_REJECTED', arrival.rejected, { retry: 'never', applied: 'no' })
      })
    },
    ask(life, request) {
      if (!life.alive) return silence()
      const asks = `asks ${request.system}: ${shown(request)}`
      return exchange(life, 'question', asks, nothing, (): Verdict<Echo> => {
        const result = systems.answered(request.system, request.mark)
        return result === null ? { state: 'absent' } : { state: 'done', result }
      })
    },
    read(life, after) {
      if (!life.alive) return silence()
      readTo = after
      return exchange(life, 'poll', `polls the feed after ${after}`, nothing, () =>
        systems.feed.slice(after, after + PAGE),
      )
    },
  }
}

/**
 * How long what runs may run on in a flow that was paused at another engine, which hears of it within a second: until the
 * calls that it has under way end, which may wait for a journal without room.
 */
const RUNS_ON_MS = 45_000

/** An engine that began later runs nothing of a paused flow; one that was there ends what it has under way. */
function checkPaused({ paused, violate, clock }: World, life: Life, request: Request): void {
  const found = paused.get(request.input.flow)
  if (found === undefined || found.by === life.name) return
  if (life.since <= found.at && clock.now() < Math.max(found.at, life.awakeSince) + RUNS_ON_MS) return
  violate('paused', `${life.name} runs what ${found.by} paused: ${shown(request)}`)
}

const DISTURBING: ReadonlySet<Fault> = new Set<Fault>([
  'reset before',
  'reset after',
  'answer lost',
  'time-out',
  'late',
  'twice',
])

const nothing = (): void => undefined

const silence = (): Promise<never> => new Promise(() => undefined)

function courseOf(fault: Fault | null, takes: number, lateBy: number): Course {
  const arrives = [takes / 2]
  const well: Course = { arrives, hears: takes, error: null }
  switch (fault) {
    case 'killed before':
    case 'time-out':
      return { arrives: [], hears: null, error: null }
    case 'answer lost':
      return { arrives, hears: null, error: null }
    case 'refused':
      return { arrives: [], hears: takes, error: refused() }
    case 'reset before':
      return { arrives: [], hears: takes, error: reset() }
    case 'reset after':
      return { arrives, hears: takes, error: reset() }
    case 'late':
      return { arrives: [TIMEOUT_MS + lateBy], hears: null, error: null }
    case '429':
      return { arrives: [], hears: takes, error: limited() }
    case '503':
      return { arrives: [], hears: takes, error: unavailable() }
    case 'cannot say':
      return { arrives: [], hears: takes, error: unknown() }
    case 'slow':
      return { ...well, hears: TIMEOUT_MS - lateBy }
    case 'twice':
      return { ...well, arrives: [takes / 2, takes / 2] }
    default:
      return well
  }
}

const refused = (): LinkspanError =>
  new LinkspanError('CONNECTION_FAILED', 'The connection was refused.', { retry: 'later', applied: 'no' })

const reset = (): LinkspanError =>
  new LinkspanError('CALL_FAILED', 'The connection was reset.', { retry: 'later', applied: 'unknown' })

const limited = (): LinkspanError =>
  new LinkspanError('CALL_RATE_LIMITED', 'The system answered 429.', {
    retry: { afterMs: 1_500 },
    applied: 'no',
  })

const unavailable = (): LinkspanError =>
  new LinkspanError('CALL_FAILED', 'The system answered 503.', { retry: { afterMs: 700 }, applied: 'no' })

const unknown = (): LinkspanError =>
  new LinkspanError('CALL_UNKNOWN_OUTCOME', 'The system cannot say.', { retry: 'later', applied: 'unknown' })
