/**
 * Interprets a recipe directly: what has to be sent where and in which order, and how every message ends. There is no
 * journal here, no clock and no fault, and nothing of the engine's.
 */
import { kindNamed } from './kinds/index.ts'
import {
  type CompletionRecipe,
  type FlowRecipe,
  identityOf,
  type Recipe,
  type Sequence,
  type Thing,
} from './recipe.ts'
import type { Choice, Course, Expected, Hold, Message, Outcome, Walk } from './walk.ts'

/** Messages of all keys that become groups, in an order that nobody promises. */
export interface Pool {
  readonly flow: string
  readonly step: string
  readonly size: number
  readonly members: Map<string, Message>
}

/** A line that has to be in the log. */
export interface Logged {
  readonly flow: string
  readonly step: string
  readonly who: string
  readonly by: Message
}

/** What has to come of a run. */
export interface Reference {
  readonly expected: readonly Expected[]
  /** All messages, children and those on channels among them. */
  readonly messages: readonly Message[]
  readonly pools: readonly Pool[]
  readonly logged: readonly Logged[]
  /** How many still wait at the end of each epoch, for what may never come. */
  readonly waiting: readonly number[]
  /** How often messages met each kind of step. */
  readonly visits: Readonly<Record<string, number>>
}

/** A message that waits for others. */
interface Held {
  readonly hold: Hold
  /** Goes on, until it waits again or has ended. */
  readonly goOn: () => void
}

/** Interprets a recipe. */
export function interpret(recipe: Recipe): Reference {
  const expected: Expected[] = []
  const messages: Message[] = []
  const logged: Logged[] = []
  const pools = new Map<string, Pool>()
  const cells = new Map<string, unknown>()
  const visits: Record<string, number> = {}
  const accepted = new Map<string, number>()
  const flows = new Map(recipe.flows.map((flow) => [flow.name, flow]))
  const waiting: number[] = []
  let held: Held[] = []
  let epoch = 0

  const messageOf = (flow: string, thing: Thing, by: Partial<Message>): Message => {
    const message = {
      flow,
      thing,
      parent: null,
      stagedBy: null,
      isPerhaps: false,
      ending: null,
      reply: null,
      ...by,
    }
    messages.push(message)
    return message
  }

  function* sequence(steps: Sequence, walk: Walk): Course {
    for (const step of steps) {
      visits[step.kind] = (visits[step.kind] ?? 0) + 1
      const ran = kindNamed(step.kind).run(step, walk)
      const outcome = isCourse(ran) ? yield* ran : ran
      if (outcome !== 'on') return outcome
    }
    return 'on'
  }

  const walkOf = (
    message: Message,
    begin: { readonly frontier: readonly Expected[]; readonly stream: Expected['stream'] },
  ): Walk => {
    const { flow } = message
    const place = () => ({
      flow,
      n: walk.thing.n,
      key: walk.thing.key,
      item: walk.thing.at.join('/'),
      by: message,
    })
    const walk: Walk = {
      ...begin,
      thing: message.thing,
      flow,
      message,
      sagas: [],
      epoch: () => epoch,
      cell<T>(step: string, key: string, make: () => T): T {
        const name = JSON.stringify([flow, step, key])
        if (!cells.has(name)) cells.set(name, make())
        return cells.get(name) as T
      },
      effect(system, step, value) {
        const { frontier: after, stream } = walk
        const effect = { ...place(), step, system, value, after, stream, choice: null }
        expected.push(effect)
        walk.frontier = [effect]
        return effect
      },
      choice(of: Choice, label, step, system, value) {
        expected.push({ ...place(), step, system, value, after: [], stream: null, choice: { of, label } })
      },
      counted: (step) => void walk.effect('key', step, null),
      pooled(step, size) {
        const pool = pools.get(`${flow} ${step}`) ?? { flow, step, size, members: new Map() }
        pools.set(`${flow} ${step}`, pool)
        pool.members.set(identityOf(walk.thing), message)
      },
      logged: (step) => void logged.push({ flow, step, who: identityOf(walk.thing), by: message }),
      run: (steps) => sequence(steps, walk),
      *child(thing, steps, isPerhaps) {
        const child = messageOf(flow, thing, { parent: message, isPerhaps })
        const inner = walkOf(child, { frontier: walk.frontier, stream: walk.stream })
        const outcome = yield* sequence(steps, inner)
        end(child, outcome)
        return {
          output: outcome === 'on' ? inner.thing : null,
          dead: child.ending === 'dead',
          frontier: inner.frontier,
        }
      },
      detach(steps) {
        const copy = messageOf(flow, walk.thing, { stagedBy: message, parent: message })
        const inner = walkOf(copy, { frontier: walk.frontier, stream: null })
        drive(finished(copy, sequence(steps, inner)))
      },
      publish(channel, body, inOrder) {
        for (const reader of recipe.flows)
          if (reader.channel === channel) accept(reader, body, message, inOrder)
      },
    }
    return walk
  }

  /** A message of its own that runs through its flow. */
  const accept = (
    { name, steps, fallback, completion }: FlowRecipe,
    thing: Thing,
    stagedBy: Message | null,
    inOrder: boolean,
  ): void => {
    const message = messageOf(name, thing, { stagedBy })
    const line = `${name} ${thing.key}`
    const rank = (accepted.get(line) ?? 0) + 1
    accepted.set(line, rank)
    const walk = walkOf(message, { frontier: [], stream: inOrder ? { name: line, rank } : null })
    drive(hooked(message, walk, completion, finished(message, whole(walk, steps, fallback))))
  }

  /** Sends off what is to be done at the end of a message: that is there whatever became of the message. */
  function* hooked(
    message: Message,
    walk: Walk,
    completion: FlowRecipe['completion'],
    course: Course,
  ): Course {
    const outcome = yield* course
    if (completion === null || !isHookedOn(completion, message.ending)) return outcome
    visits[ON_COMPLETION] = (visits[ON_COMPLETION] ?? 0) + 1
    const hook = messageOf(message.flow, message.thing, { parent: message })
    const inner = walkOf(hook, { frontier: walk.frontier, stream: null })
    drive(finished(hook, sequence(completion.steps, inner)))
    return outcome
  }

  function* whole(walk: Walk, steps: Sequence, fallback: FlowRecipe['fallback']): Course {
    const { thing } = walk
    const outcome = yield* sequence(steps, walk)
    if (fallback === null || typeof outcome !== 'object' || !('fail' in outcome)) return outcome
    walk.thing = thing
    return yield* sequence(fallback, walk)
  }

  function* finished(message: Message, course: Course): Course {
    const outcome = yield* course
    end(message, outcome)
    return outcome
  }

  const drive = (course: Course): void => {
    const { done, value } = course.next()
    if (done !== true) held.push({ hold: value, goOn: () => drive(course) })
  }

  /** Lets those go on whose turn has come by what others did. */
  const release = (): void => {
    for (;;) {
      const next = held.find(({ hold }) => hold.hold === 'sequence' && hold.place <= hold.line.next)
      if (next === undefined) return
      goOn(next)
    }
  }

  const goOn = (next: Held): void => {
    held = held.filter((each) => each !== next)
    next.goOn()
  }

  /** The time of all that wait for one comes: first of sequences, whose time is shorter. */
  const endEpoch = (): void => {
    for (;;) {
      release()
      const next =
        lowest(held) ?? held.find(({ hold }) => hold.hold === 'group' && hold.group.state !== 'open')
      if (next === undefined) break
      if (next.hold.hold === 'sequence') next.hold.line.next = next.hold.place
      goOn(next)
    }
    waiting.push(held.length)
  }

  for (const { thing, epoch: of } of recipe.deliveries) {
    if (of !== epoch) endEpoch()
    epoch = of
    accept(flows.get('first') as FlowRecipe, thing, null, true)
    release()
  }
  endEpoch()
  return { expected, messages, logged, visits, waiting, pools: [...pools.values()] }
}

const ON_COMPLETION = 'onCompletion'

function isHookedOn({ on }: CompletionRecipe, ending: Message['ending']): boolean {
  return on === 'any' || (on === 'failure') === (ending === 'dead')
}

const isCourse = (ran: Outcome | Course): ran is Course => typeof ran === 'object' && 'next' in ran

function end(message: Message, outcome: Outcome): void {
  if (outcome === 'on') message.ending = 'done'
  else message.ending = 'end' in outcome ? outcome.end : 'dead'
}

/** Who waits in a sequence with the lowest place. */
function lowest(held: readonly Held[]): Held | undefined {
  const placeOf = ({ hold }: Held): number =>
    hold.hold === 'sequence' ? hold.place : Number.POSITIVE_INFINITY
  return held.filter(({ hold }) => hold.hold === 'sequence').toSorted((a, b) => placeOf(a) - placeOf(b))[0]
}
