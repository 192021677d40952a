/** The person who looks after the engines: resolves doubts, mends what was rejected, pauses flows, sees the end. */
import type { MessageSummary } from 'linkspan'
import { ensureError } from 'linkspan/connect'
import type { Engines, Life } from './engines.ts'
import type { Network } from './network.ts'
import { REFUSALS, TAKEN_OVER } from './refusals.ts'
import type { Sender } from './sender.ts'
import type { Systems } from './systems.ts'
import type { World } from './world.ts'

/** The operator of a run. */
export interface Operator {
  begin(): void
  /** Whether everything that was sent has ended, and nothing is left to do. */
  readonly content: boolean
  /** Messages that stepped aside of their key: they were a dead letter or in doubt at some time. Ids of accepted ones. */
  readonly aside: ReadonlySet<string>
  /** How many doubts were resolved. */
  readonly resolved: number
}

/** Who the operator works with. */
export interface OperatorOptions {
  readonly world: World
  readonly engines: Engines
  readonly systems: Systems
  readonly network: Network
  readonly sender: Sender
  /** Whether the load and its noise are over. */
  readonly calm: () => boolean
  /** The flows that only some of the engines have. */
  readonly rare: readonly string[]
}

/** Whoever sent its messages is told when they end without a reply. */
const REPLIES = 'ask'
/** What holds a key may have moved on since it was seen. */
const MOVED_ON: ReadonlySet<string> = new Set(['MESSAGE_STATE', 'MESSAGE_UNKNOWN'])
const FIRST_ROUND_MS = 3_000
/** Nothing to do makes the pauses longer, so that days of waiting cost little; something to do, short again. */
const LONGEST_ROUND_MS = 1_800_000
const SOON_MS = 30_000
/** A doubt is looked into when nothing of it can be on its way any more. */
const LOOKS_AFTER_MS = 4_000

/** Whether a dead letter was put aside so that its key moves on. */
const wasSkipped = ({ error }: MessageSummary): boolean => error?.code === 'MESSAGE_CANCELLED'

/** The id of the accepted message that a message, or one of its parents, is. */
export const rootOf = (id: string): string => id.split('~')[0] as string

/** Makes the operator; nothing is done before `begin`. */
export function createOperator(options: OperatorOptions): Operator {
  const { world, engines, systems, network, sender } = options
  const { clock, story } = world
  const draws = world.draws('operator')
  const aside = new Set<string>()
  const seenAt = new Map<string, number>()
  const redelivered = new Set<string>()
  let content = false
  let resolved = 0
  let pauseMs = FIRST_ROUND_MS
  let busy: Life | null = null

  const next = (): void => void clock.timer(pauseMs, round)

  const round = (): void => {
    const life = engines.running()
    pauseMs = Math.min(Math.ceil(pauseMs * 1.1), LONGEST_ROUND_MS)
    if (life !== null && !busy?.alive) {
      busy = life
      lookAfter(life).then(
        () => {
          busy = null
        },
        (thrown: unknown) => {
          busy = null
          const { code } = ensureError(thrown)
          if (life.alive && life.phase === 'running' && !isRefusal(code))
            world.violate('failed', `the operator was refused by ${life.name}: ${String(thrown)}`)
        },
      )
    }
    if (!content) next()
  }

  /** No engine that has the flow of a message may live just now, and a message may run, or have ended, by now. */
  const isRefusal = (code: string): boolean =>
    REFUSALS.has(code) ||
    TAKEN_OVER.has(code) ||
    (code === 'FLOW_UNKNOWN' && world.engines > 1) ||
    MOVED_ON.has(code)

  const lookAfter = async (life: Life): Promise<void> => {
    const { admin } = life.engine
    const flows = await admin.flows()
    // An engine does not tell of flows that it lacks, and is asked to pause and resume them all the same.
    const names = [...new Set([...flows.map(({ name }) => name), ...options.rare])]
    const paused = names.filter(
      (each) => world.paused.has(each) || flows.some((flow) => flow.name === each && flow.paused),
    )
    const resumes = options.calm() || draws.chance(0.4)
    for (const name of resumes ? paused : []) await switchFlow(life, name, 'resume')
    if (paused.length === 0 && draws.chance(0.15) && !options.calm())
      await switchFlow(life, draws.pick(names), 'pause')
    if (draws.chance(0.2) && !options.calm()) await skipOne(life)
    const { items } = await admin.messages({
      states: ['inDoubt', 'dead', 'parked'],
      children: true,
      order: 'oldest',
      limit: 500,
    })
    let acted = false
    for (const item of items) if (await attendTo(life, item)) acted = true
    if (acted) pauseMs = Math.min(pauseMs, SOON_MS)
    if (acted || paused.length > 0 || !options.calm() || !sender.idle) return
    const { messages, children } = await admin.status()
    const open = messages.active + messages.waiting + children.active + children.waiting
    const attention = items.some(
      (item) => item.state !== 'dead' || systems.rejected.has(item.id) || wasSkipped(item),
    )
    if (open === 0 && !attention) content = true
  }

  const switchFlow = async (life: Life, flow: string, how: 'pause' | 'resume'): Promise<void> => {
    story.tell(`the operator asks ${life.name} to ${how} ${flow}`)
    world.paused.delete(flow)
    await life.engine.admin[how](flow)
    if (how === 'pause' && life.alive) world.paused.set(flow, { by: life.name, at: clock.now() })
  }

  /** The message that holds a key is put aside, at whichever engine, and goes on later. */
  const skipOne = async (life: Life): Promise<void> => {
    const held = (await life.engine.admin.keys(null, 20)).filter(({ flow }) => flow !== REPLIES)
    if (held.length === 0) return
    const { flow, key, by } = draws.pick(held)
    story.tell(`the operator asks ${life.name} to skip the key ${key} of ${flow}, which ${by} holds`)
    await life.engine.admin.skipKey(flow, key, 'others are to go on')
  }

  /** Whether something was done, or is to be done later. */
  const attendTo = async (life: Life, item: MessageSummary): Promise<boolean> => {
    const { id, state, flow } = item
    aside.add(rootOf(id))
    const seen = seenAt.get(id) ?? clock.now()
    seenAt.set(id, seen)
    if (state === 'parked' && world.engines === 1)
      world.violate('ending', `${flow} ${id} is parked, and no flow has changed`)
    if (clock.now() < seen + LOOKS_AFTER_MS) return true
    if (state === 'parked') return goOn(life, id)
    if (state === 'inDoubt') return resolve(life, id, flow)
    if (state === 'dead') return redeliver(life, id, wasSkipped(item))
    return false
  }

  /** No engine that had its version lived when it came to its turn. */
  const goOn = async (life: Life, id: string): Promise<boolean> => {
    story.tell(`the operator redelivers ${id}, which was parked`)
    await life.engine.admin.redeliver({ ids: [id] }, { note: 'its version is there again' })
    seenAt.delete(id)
    return true
  }

  const resolve = async (life: Life, id: string, flow: string): Promise<boolean> => {
    const who = life.engine.flows.has(flow) ? life : engines.running(flow)
    if (who === null) return true
    const { steps } = await who.engine.admin.trace(id)
    const path = steps.find(({ outcome }) => outcome === 'inDoubt')?.path ?? ''
    if (!network.disturbed.has(id) && !engines.interrupted)
      world.violate('unfounded', `${id} is in doubt at "${path}", and no call of it was disturbed`)
    const effect = systems.effectOf(id, path)
    story.tell(`the operator resolves ${id} at "${path}" as ${effect ? 'applied' : 'not applied'}`)
    const result = effect ? { result: { ...effect.answer } } : {}
    await life.engine.admin.resolve(id, effect !== null, { ...result, note: 'looked into the system' })
    seenAt.delete(id)
    resolved += 1
    return true
  }

  /** What was rejected is mended and goes on, and so does what was put aside; poison stays poison, and may be tried once more. */
  const redeliver = async (life: Life, id: string, always: boolean): Promise<boolean> => {
    const n = systems.rejected.get(id)
    if (!always && n === undefined && (redelivered.has(id) || draws.chance(0.5))) {
      redelivered.add(id)
      return false
    }
    if (n !== undefined) systems.rejects.delete(n)
    redelivered.add(id)
    story.tell(`the operator redelivers ${id}`)
    await life.engine.admin.redeliver({ ids: [id] }, { note: 'mended' })
    return true
  }

  return {
    aside,
    begin: next,
    get content() {
      return content
    },
    get resolved() {
      return resolved
    },
  }
}
