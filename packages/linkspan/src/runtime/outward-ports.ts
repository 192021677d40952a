import type { Clock, Logger, Random } from '../model/outside.ts'
import { pathAt } from '../model/step-place.ts'
import type { Events } from './events.ts'
import type { PassPorts } from './pass/pass.ts'
import { checkTimeLimit } from './time-limit.ts'

/** What the world is to a pass that runs. */
export interface Outward {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly events: Events
}

/** The ports of a pass that are the same wherever its message lies: its time, chance, and what it tells. */
export type OutwardPorts = Pick<
  PassPorts,
  | 'strict'
  | 'live'
  | 'observer'
  | 'goesOn'
  | 'now'
  | 'quiet'
  | 'timer'
  | 'isPast'
  | 'chance'
  | 'leaves'
  | 'inTime'
  | 'differs'
  | 'ignored'
  | 'log'
  | 'attempt'
  | 'told'
  | 'standsAt'
>

/** Makes these ports for a flow. */
export function outwardPorts({ clock, random, logger, events }: Outward, flow: string): OutwardPorts {
  return {
    strict: true,
    live: true,
    observer: null,
    goesOn: true,
    now: () => clock.now(),
    quiet: () => new Promise((resolve) => clock.defer(resolve)),
    timer: (afterMs, run) => clock.timer(afterMs, run),
    isPast: (time) => clock.now() >= time,
    chance: () => random.next(),
    leaves: () => false,
    inTime: (pass) => checkTimeLimit(pass, clock.now()),
    differs: (pass, path) => pass.park(path, `the input of "${path}" is another one than is on record`),
    ignored: (path) => events.ignored(flow, pathAt(path)),
    log: ({ loaded: { id, key } }, step, level, line) =>
      logger.log(level, 'flow.log', { flow, step: pathAt(step), id, key, ...line }),
    attempt: (path, outcome, ms) => events.attempt(flow, pathAt(path), outcome, ms),
    told: (path, event, level) => events.told(flow, pathAt(path), event, level),
    standsAt: (path, state) => events.standsAt(flow, pathAt(path), state),
  }
}
