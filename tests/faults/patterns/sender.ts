/** Sends the messages of a run, those of a key one after the other, each until it is acknowledged. */
import { ensureError } from 'linkspan/connect'
import type { Engines, Life } from '../simulation/engines.ts'
import { REFUSALS } from '../simulation/refusals.ts'
import type { World } from '../simulation/world.ts'
import { raiserOf } from './build.ts'
import { identityOf, type Recipe } from './recipe.ts'

/** What is sent to a flow. */
interface Item {
  readonly flow: string
  readonly body: unknown
  /** Milliseconds after its epoch began. */
  readonly at: number
  /** Who says so that it is known again. */
  readonly name: string
  /** The one that has to be acknowledged before it. */
  readonly behind: Item | null
  readonly n: number | null
  id: string | null
  under: Life | null
}

/** The sender of a run. */
export interface Sender {
  /** Begins to send what belongs to an epoch. */
  begin(epoch: number): void
  /** Whether all of what was begun is acknowledged. */
  readonly idle: boolean
  /** The ids of the messages by their numbers. */
  readonly ids: ReadonlyMap<number, string>
  /** What was under way to an engine that is gone is sent again. */
  lost(life: Life): void
}

/** Makes the sender of a recipe's messages and events. */
export function createSender(world: World, engines: () => Engines, recipe: Recipe): Sender {
  const { clock, story } = world
  const draws = world.draws('sender')
  const spread = draws.pick([0, 2_000, 30_000])
  const ids = new Map<number, string>()
  let sending: Item[] = []

  const send = (item: Item): void => {
    const life = engines().running()
    if (life === null || (item.behind !== null && item.behind.id === null)) {
      again(item)
      return
    }
    item.under = life
    story.tell(`${item.name} is sent to ${life.name}`)
    life.engine.intake.accept(item.flow, { body: item.body, dedupeKey: item.name }).then(
      ({ id }) => life.alive && accepted(item, id),
      (thrown: unknown) => life.alive && refused(item, thrown),
    )
  }

  const accepted = (item: Item, id: string): void => {
    story.tell(`${item.name} is acknowledged as ${id}`)
    item.under = null
    item.id = id
    if (item.n !== null) ids.set(item.n, id)
  }

  const refused = (item: Item, thrown: unknown): void => {
    item.under = null
    if (!REFUSALS.has(ensureError(thrown).code))
      world.violate('failed', `${item.name} was refused for good: ${String(thrown)}`)
    again(item)
  }

  const again = (item: Item): void => void clock.timer(draws.whole(50, 900), () => send(item))

  return {
    ids,
    get idle() {
      return sending.every(({ id }) => id !== null)
    },
    begin(epoch) {
      sending = itemsOf(recipe, epoch, () => draws.whole(0, spread))
      for (const item of sending) clock.timer(item.at, () => send(item))
    },
    lost(life) {
      for (const item of sending)
        if (item.under === life) {
          item.under = null
          again(item)
        }
    },
  }
}

function itemsOf({ deliveries, raises }: Recipe, epoch: number, at: () => number): Item[] {
  const last = new Map<string, Item>()
  const fresh = { id: null, under: null }
  return deliveries
    .filter((delivery) => delivery.epoch === epoch)
    .flatMap(({ thing }) => {
      const { n, key } = thing
      const behind = last.get(key) ?? null
      const item: Item = { ...fresh, flow: 'first', body: thing, at: at(), name: `message ${n}`, behind, n }
      last.set(key, item)
      const events = raises.map(
        ({ step, afterMs }): Item => ({
          ...fresh,
          flow: raiserOf(step),
          body: { who: identityOf(thing) },
          at: item.at + afterMs,
          name: `event ${n} for ${step}`,
          behind: null,
          n: null,
        }),
      )
      return [item, ...events]
    })
}
