/** Whoever sends the messages, and the log of what was acknowledged. */
import { ensureError } from 'linkspan/connect'
import { createCallers } from './callers.ts'
import type { Engines, Life } from './engines.ts'
import { REFUSALS, TAKEN_OVER, UNKNOWN } from './refusals.ts'
import type { Delivery } from './workload.ts'
import type { World } from './world.ts'

/** What became of a message, as its sender knows it. */
export interface Sent extends Delivery {
  /** The ids under which it was acknowledged. */
  readonly ids: ReadonlySet<string>
  /** How often it was sent without ever hearing whether it was accepted. */
  readonly unknown: number
  /** Whether its sender will not send it again. */
  readonly over: boolean
  /** What was replied. */
  readonly replies: readonly unknown[]
  /** How often its sender was told that it ended without a reply. */
  readonly unanswered: number
  /** What the clocks on the wall showed when it was sent, where it was sent once only. */
  readonly sentAt: number | null
}

/** The sender of a run. */
export interface Sender {
  readonly all: readonly Sent[]
  /** Whether nothing is left to send. */
  readonly idle: boolean
  begin(): void
  /** What was under way to an engine that is gone is not heard of any more. */
  lost(life: Life): void
  /** Some of what was under way to an engine that stands still is given up: others may be sent it. */
  givesUp(life: Life): void
}

interface Item extends Sent {
  readonly ids: Set<string>
  unknown: number
  over: boolean
  readonly replies: unknown[]
  /** How often it has to be acknowledged. */
  left: number
  under: Life | null
  unanswered: number
  sentAt: number | null
  times: number
}

/** Makes the sender; nothing is sent before `begin`. */
export function createSender(world: World, engines: () => Engines, deliveries: readonly Delivery[]): Sender {
  const { clock, story } = world
  const draws = world.draws('sender')
  const items = deliveries.map(
    (delivery): Item => ({
      ...delivery,
      ids: new Set(),
      unknown: 0,
      over: false,
      replies: [],
      left: delivery.twice ? 2 : 1,
      under: null,
      unanswered: 0,
      sentAt: null,
      times: 0,
    }),
  )

  const send = (item: Item): void => {
    const life = engines().running(item.flow)
    if (life === null) again(item)
    else sendTo(life, item)
  }

  const sendTo = (life: Life, item: Item): void => {
    item.under = life
    item.times += 1
    item.sentAt = item.times === 1 ? world.wall() : null
    story.tell(`${item.flow} ${item.n} (key ${item.body.key}) is sent to ${life.name}`)
    const { times } = item
    const options = item.insists ? { dedupeKey: `message ${item.n}` } : {}
    if (item.flow === 'ask' && !item.insists) requestIt(item, life)
    else
      life.engine.intake.accept(item.flow, { body: item.body, ...options }).then(
        ({ id }) => life.alive && accepted(item, life, id, times),
        (thrown: unknown) => life.alive && item.times === times && refused(item, thrown),
      )
  }

  /** The reply says that it was accepted, and not under which id. */
  const requestIt = (item: Item, life: Life): void => {
    const flow = life.engine.flows.get(item.flow)
    if (flow === undefined) throw new Error(`There is no flow "${item.flow}".`)
    life.engine.request(flow, item.body, { timeout: '10m' }).then(
      (reply) => {
        if (!life.alive) return
        item.replies.push(reply)
        if (item.over) return
        item.under = null
        item.unknown += 1
        end(item)
      },
      (thrown: unknown) => life.alive && !item.over && refused(item, thrown),
    )
  }

  const accepted = (item: Item, life: Life, id: string, times: number): void => {
    story.tell(`${item.flow} ${item.n} is acknowledged as ${id}`)
    item.ids.add(id)
    // By one that was frozen, after its sender had given up.
    if (item.under !== life || item.times !== times) return
    item.under = null
    item.left -= 1
    if (item.flow === 'ask') hear(item, life, id)
    if (item.left > 0) again(item)
    else end(item)
  }

  const hear = (item: Item, life: Life, id: string): void => {
    life.engine.intake.reply(id, { timeoutMs: 600_000 }).then(
      (answer) => {
        if (!life.alive) return
        story.tell(`${item.flow} ${item.n} is replied ${JSON.stringify(answer)}`)
        if (answer === null) item.unanswered += 1
        else item.replies.push(answer.reply)
      },
      () => undefined,
    )
  }

  const refused = (item: Item, thrown: unknown): void => {
    const { code } = ensureError(thrown)
    story.tell(`${item.flow} ${item.n} is refused: ${code}`)
    item.under = null
    if (REFUSALS.has(code)) {
      again(item)
      return
    }
    if (code === UNKNOWN || (TAKEN_OVER.has(code) && world.engines > 1)) {
      unheard(item)
      return
    }
    if (code === 'REPLY_TIMED_OUT') item.unknown += 1
    else world.violate('failed', `${item.flow} ${item.n} was refused for good: ${String(thrown)}`)
    end(item)
  }

  const unheard = (item: Item): void => {
    item.under = null
    if (item.insists) again(item)
    else {
      item.unknown += 1
      end(item)
    }
  }

  const notKnown = (item: Item): void => {
    story.tell(`${item.flow} ${item.n}: whether it was accepted is not known`)
    unheard(item)
  }

  const again = (item: Item): void => void clock.timer(draws.whole(100, 1_500), () => send(item))

  const end = (item: Item): void => {
    item.over = true
  }

  const callers = createCallers(
    world,
    engines,
    items.flatMap(({ flow, n, at }) => (flow === 'told' ? [{ n, at }] : [])),
  )

  return {
    all: items,
    get idle() {
      return callers.idle && items.every(({ over }) => over)
    },
    begin() {
      for (const item of items) clock.timer(item.at, () => send(item))
      callers.begin()
    },
    givesUp(life) {
      for (const item of items) if (item.under === life && draws.chance(0.5)) notKnown(item)
    },
    lost(life) {
      for (const item of items) {
        if (item.under === life) notKnown(item)
      }
    },
  }
}
