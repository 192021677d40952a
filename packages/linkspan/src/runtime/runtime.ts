import type { Incoming } from '../connect/connector.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { Flow } from '../patterns/steps.ts'
import type { EngineState } from './admin-api.ts'
import { abandon, assemble, dismantle, planOf, type Started } from './assemble.ts'
import { subscribersOf } from './channels.ts'
import type { Accepted, Intake, SendOptions } from './engine-api.ts'
import { type ControlBus, createControlBus, withControl } from './control-bus.ts'
import { flowsByName, unknownFlow } from './flows-by-name.ts'
import type { Prepared } from './intake.ts'
import { replyOf } from './reply-of.ts'
import type { RuntimeOptions, RuntimeParts } from './runtime-parts.ts'

/** The engine without its server: accepts messages, runs them, and can be looked into. */
export interface Runtime {
  readonly state: EngineState
  readonly startedAt: number
  readonly flows: ReadonlyMap<string, Flow>
  readonly intake: Intake
  readonly control: ControlBus
  /** The parts, once started. Throws `ENGINE_STATE` before. */
  readonly parts: RuntimeParts
  /** Rejects with what would keep it from starting, as far as that needs no journal. */
  validate(): Promise<void>
  start(): Promise<void>
  /** Starts what brings messages in: call after the server listens, or at once without one. */
  openSources(): void
  stop(options?: { readonly within?: Duration }): Promise<void>
  send(flow: string, body: unknown, options?: SendOptions): Promise<Accepted>
  request(
    flow: string,
    body: unknown,
    options: SendOptions & { readonly timeout?: Duration; readonly signal?: AbortSignal },
  ): Promise<unknown>
}

const DEFAULT_STOP_MS = 10_000
const DEFAULT_REPLY_MS = 30_000
const REJOIN_AGAIN_MS = 1_000

/** Makes the runtime of a project. Throws what is wrong with its flows. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { outside } = options
  const { clock, logger } = outside
  const all = withControl(options.flows)
  const flows = flowsByName(all)
  const subscribers = subscribersOf(all)
  let state: EngineState = 'new'
  let startedAt = 0
  let started: Started | null = null
  let sourcesOpen = false
  /** Counts the times that the parts were put together. */
  let life = 0

  const need = (): Started => {
    if (started) return started
    if (state === 'rejoining') throw rejoiningError()
    throw new LinkspanError('ENGINE_STATE', `The engine is ${state}. Call start() first, and wait for it.`)
  }

  /**
   * Puts the parts together. An engine that starts shows meanwhile why they refuse; one that rejoins does so until they are
   * whole. That others took over from them in the meantime is as if they could not be put together.
   */
  const assembled = async (): Promise<Started> => {
    life += 1
    const own = life
    let isWhole = false
    let said: EngineState = 'running'
    let takenOver: LinkspanError | null = null
    const parts = await assemble({
      options,
      flows,
      subscribers,
      setState: (next) => {
        said = next
        if (own === life && (isWhole || state !== 'rejoining')) state = next
      },
      failed: (error) => {
        if (!isLinkspanError(error, 'JOURNAL_TAKEN_OVER')) return
        takenOver = error
        if (isWhole && own === life) void rejoin(error)
      },
    })
    if (own !== life) {
      await dismantle(parts, 0)
      throw new LinkspanError('ENGINE_STATE', 'The engine was stopped while it joined the others again.')
    }
    if (takenOver !== null) {
      await abandon(parts, takenOver)
      throw takenOver
    }
    isWhole = true
    started = parts
    state = said
    return parts
  }

  const start = async (): Promise<void> => {
    if (state !== 'new' && state !== 'stopped')
      throw new LinkspanError('ENGINE_STATE', `The engine is ${state} already.`)
    state = 'starting'
    try {
      const { outside: own } = await assembled()
      startedAt = own.clock.now()
    } catch (error) {
      state = 'stopped'
      throw error
    }
  }

  /** Drops all that was under way, which others go on with, and comes back as a new member. */
  const rejoin = async (reason: LinkspanError): Promise<void> => {
    const former = started
    if (!former || state === 'stopping') return
    started = null
    // What the former parts say from here on is of the past.
    life += 1
    state = 'rejoining'
    logger.log('warn', 'engine.rejoining', { reason: reason.message })
    await abandon(former, reason)
    while (state === 'rejoining') {
      try {
        const { sourceKeeping } = await assembled()
        if (sourcesOpen) sourceKeeping.open()
      } catch (error) {
        logger.log('warn', 'engine.rejoin-failed', { error: String(error) })
        await new Promise<void>((resolve) => clock.timer(REJOIN_AGAIN_MS, resolve))
      }
    }
  }

  const stop: Runtime['stop'] = async ({ within } = {}) => {
    if (state === 'rejoining') {
      life += 1
      state = 'stopped'
    }
    const parts = started
    if (!parts || state === 'stopping' || state === 'stopped') return
    state = 'stopping'
    sourcesOpen = false
    await dismantle(parts, within === undefined ? DEFAULT_STOP_MS : durationMs(within))
    started = null
    state = 'stopped'
    logger.log('info', 'engine.stopped')
  }

  const accept = (name: string, incoming: Incoming, key: string | undefined): Promise<Accepted> => {
    try {
      const prepared = prepare(name, incoming, key)
      const { entrance } = need()
      return prepared instanceof Promise ? prepared.then(entrance.accept) : entrance.accept(prepared)
    } catch (thrown) {
      return Promise.reject(thrown)
    }
  }

  const prepare = (
    name: string,
    incoming: Incoming,
    key: string | undefined,
  ): Prepared | Promise<Prepared> => {
    const { takers, entrance, committer } = need()
    const taker = takers.get(name)
    if (!taker) throw unknownFlow(name, [...takers.keys()])
    if (state === 'stopping')
      throw new LinkspanError('ENGINE_BUSY', 'The engine is stopping. Send again shortly.', {
        retry: { afterMs: 2_000 },
      })
    const full = committer.full(1)
    if (full) throw full
    return entrance.prepare(taker, incoming, key)
  }

  const reply: Intake['reply'] = (id, given) => {
    const { replies, journal } = need()
    const shared = journal.ownership.partitions > 1
    return replyOf({ replies, messages: journal.messages, clock, shared }, id, given)
  }

  const intake: Intake = {
    get refusing() {
      return state === 'rejoining' ? rejoiningError() : (started?.committer.refusing ?? null)
    },
    accept: (name, incoming, given) => accept(name, incoming, given?.key),
    reply,
  }

  const send: Runtime['send'] = (name, body, given = {}) => accept(name, incomingOf(body, given), given.key)

  return {
    flows,
    intake,
    send,
    control: createControlBus(flows, send, reply),
    validate: async () => void (await planOf({ options, flows })),
    start,
    stop,
    get state() {
      return state
    },
    get startedAt() {
      return startedAt
    },
    get parts() {
      return need()
    },
    openSources() {
      sourcesOpen = true
      need().sourceKeeping.open()
    },
    async request(name, body, given) {
      const accepted = await accept(name, incomingOf(body, given), given.key)
      const timeoutMs = given.timeout === undefined ? DEFAULT_REPLY_MS : durationMs(given.timeout)
      const answer = await reply(accepted.id, {
        timeoutMs,
        ...(given.signal ? { signal: given.signal } : {}),
      })
      if (answer) return answer.reply
      throw new LinkspanError(
        'REPLY_MISSING',
        `The message ${accepted.id} ended without a reply. See linkspan trace ${accepted.id}.`,
        { details: { id: accepted.id } },
      )
    },
  }
}

function rejoiningError(): LinkspanError {
  return new LinkspanError(
    'ENGINE_BUSY',
    'Other engines took over from this one, which joins them again. Send again shortly.',
    { retry: { afterMs: 2_000 } },
  )
}

function incomingOf(body: unknown, options: SendOptions): Incoming {
  return {
    body,
    ...(options.headers ? { headers: options.headers } : {}),
    ...(options.dedupeKey === undefined ? {} : { dedupeKey: options.dedupeKey }),
  }
}
