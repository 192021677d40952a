/** The systems that are called, and the one that is polled: each keeps what its guarantee says, and a log of its own. */
import type { SystemName } from './failpoints.ts'
import type { World } from './world.ts'

/** What the flows send to a system. */
export interface Sunk {
  readonly flow: string
  /** The message's number. */
  readonly n: number
  readonly key: string
  /** The path of the step that sends it. */
  readonly step: string
  /** Which of several sent by one step. */
  readonly item: string
  readonly value: number
}

/** What a system answers. */
export interface Echo {
  readonly echo: number
  /** Another one each time that a request takes effect. */
  readonly ticket: number
}

/** A request as it arrives. */
export interface Request {
  readonly system: SystemName
  readonly input: Sunk
  readonly messageId: string
  readonly mark: string
}

/** What a system has seen take effect. The checker's own log: nothing of it comes from the journal. */
export interface Effect extends Request {
  /** What the clocks on the wall showed. */
  readonly at: number
  readonly answer: Echo
}

/** What becomes of a request that arrives. */
export type Arrival = { readonly result: Echo } | { readonly rejected: string }

/** All systems of a run. They outlive every engine. */
export interface Systems {
  readonly effects: readonly Effect[]
  /** How many requests were recognised by their key and had no further effect. */
  readonly repeats: number
  arrive(request: Request): Arrival
  /** What a call with this mark was answered, or would have been. */
  answered(system: SystemName, mark: string): Echo | null
  /** The last effect that a step of a message had, whatever its mark. */
  effectOf(messageId: string, step: string): Effect | null
  /** Rejects what these messages send, until they are mended. */
  readonly rejects: Set<number>
  /** The numbers of the messages that something was rejected of, by the id of the message. */
  readonly rejected: ReadonlyMap<string, number>
  /** What can be polled; a place is counted from 1. */
  readonly feed: Sunk[]
}

/** For how long the system at `key` knows a key again. */
export const KEY_VALID_FOR = '1d'
const KEY_VALID_MS = 86_400_000

/** Makes the systems of a run. */
export function createSystems(world: Pick<World, 'story' | 'wall' | 'setBack' | 'violate'>): Systems {
  const { story } = world
  const effects: Effect[] = []
  const byMark = new Map<string, Effect>()
  const rejects = new Set<number>()
  const rejected = new Map<string, number>()
  let repeats = 0

  /** A system promises no less than it says: clocks that are set back prolong its memory. */
  const knows = (mark: string): Effect | undefined => {
    const before = byMark.get(mark)
    return before && world.wall() - before.at < KEY_VALID_MS + world.setBack ? before : undefined
  }

  const takeEffect = (request: Request): Arrival => {
    const answer = { echo: request.input.value, ticket: effects.length + 1 }
    const effect = { ...request, answer, at: world.wall() }
    effects.push(effect)
    byMark.set(request.mark, effect)
    story.tell(`${request.system} APPLIES ${shown(request)}`)
    return { result: answer }
  }

  return {
    effects,
    rejects,
    rejected,
    feed: [],
    get repeats() {
      return repeats
    },
    arrive(request) {
      if (rejects.has(request.input.n)) {
        rejected.set(request.messageId, request.input.n)
        story.tell(`${request.system} rejects ${shown(request)}`)
        return { rejected: `message ${request.input.n} is not wanted` }
      }
      const before = request.system === 'key' ? knows(request.mark) : undefined
      if (before === undefined) return takeEffect(request)
      repeats += 1
      story.tell(`key knows ${shown(request)} again`)
      if (JSON.stringify(before.input) !== JSON.stringify(request.input))
        world.violate('content', `the key ${request.mark} came again with another request: ${shown(request)}`)
      return { result: before.answer }
    },
    answered(system, mark) {
      const before = byMark.get(mark)
      return before?.system === system ? before.answer : null
    },
    effectOf: (messageId, step) =>
      effects.findLast((effect) => effect.messageId === messageId && effect.input.step === step) ?? null,
  }
}

/** A request, for people. */
export function shown({ input, messageId, mark }: Request): string {
  const { flow, n, step, item, key, value } = input
  return `${flow} ${n} (key ${key}, ${step}${item === '' ? '' : ` ${item}`}, value ${value}, message ${messageId}, mark ${mark})`
}
