/** Those who raise events from outside: each until it is acknowledged, under a key of its own. */
import { ensureError } from 'linkspan/connect'
import { worth } from './beginnings.ts'
import type { Engines, Life } from './engines.ts'
import { REFUSALS, TAKEN_OVER } from './refusals.ts'
import { TOLD } from './waiting-flows.ts'
import type { World } from './world.ts'

/** Who raises what, and when: milliseconds since the run began. */
export interface Caller {
  readonly n: number
  readonly at: number
}

/** The callers of a run. */
export interface Callers {
  readonly idle: boolean
  begin(): void
}

const GIVES_UP_MS = 20_000

/** Makes the callers; nothing is raised before `begin`. */
export function createCallers(world: World, engines: () => Engines, callers: readonly Caller[]): Callers {
  const { clock, story } = world
  const draws = world.draws('callers')
  const left = new Set(callers.map(({ n }) => n))

  const again = (n: number): void => {
    clock.timer(draws.whole(100, 1_500), () => call(n))
  }

  const call = (n: number): void => {
    if (!left.has(n)) return
    const life = engines().running(TOLD)
    if (life === null) {
      again(n)
      return
    }
    story.tell(`the event of ${n} is raised at ${life.name}`)
    // Of an engine that dies or stands still nothing is heard any more.
    clock.timer(GIVES_UP_MS, () => call(n))
    life.engine.admin.raise(TOLD, n, { value: worth(n) }, { dedupeKey: `event ${n}` }).then(
      ({ id }) => {
        if (life.alive && left.delete(n)) story.tell(`the event of ${n} is acknowledged as ${id}`)
      },
      (thrown: unknown) => refused(n, life, thrown),
    )
  }

  const refused = (n: number, life: Life, thrown: unknown): void => {
    if (!life.alive || !left.has(n)) return
    const { code } = ensureError(thrown)
    story.tell(`the event of ${n} is refused: ${code}`)
    if (REFUSALS.has(code) || TAKEN_OVER.has(code)) again(n)
    else world.violate('failed', `the event of ${n} was refused for good: ${String(thrown)}`)
  }

  return {
    get idle() {
      return left.size === 0
    },
    begin() {
      for (const { n, at } of callers) clock.timer(at + draws.whole(0, 30_000), () => call(n))
    },
  }
}
