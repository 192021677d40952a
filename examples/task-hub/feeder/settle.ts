import { setTimeout as pause } from 'node:timers/promises'
import type { LineLog } from '../lib/ndjson.ts'
import { ENDINGS, type Ending, type FeederLine } from '../protocol.ts'

/** What waiting for the endings needs of the world. */
export interface SettleOptions {
  readonly messageIds: ReadonlySet<string>
  readonly connections: number
  /** After this long whatever has not ended is logged as missing. */
  readonly limitMs: number
  /** Between two rounds of asking. */
  readonly pauseMs: number
  readonly log: LineLog<FeederLine>
  readonly signal: AbortSignal
  /** The state the hub reports, `unknown` when it knows no such message, or null when it does not answer. */
  stateOf(messageId: string): Promise<string | null>
  onEnded(ended: number): void
}

// A hub that has come back knows all it will ever know, so a few denials are enough.
const DENIALS_UNTIL_LOST = 10

/** Asks for each message until it has ended, and logs what the hub reports. */
export async function awaitEndings(options: SettleOptions): Promise<{ ended: number; missing: number }> {
  const open = new Map([...options.messageIds].map((id) => [id, { state: 'never asked', denials: 0 }]))
  const deadline = performance.now() + options.limitMs
  const stillHopeful = (): boolean => [...open.values()].some(({ denials }) => denials < DENIALS_UNTIL_LOST)
  while (open.size > 0 && stillHopeful() && performance.now() < deadline && !options.signal.aborted) {
    await askAll(options, open)
    options.onEnded(options.messageIds.size - open.size)
    if (open.size > 0) await pause(options.pauseMs)
  }
  for (const [messageId, { state }] of open) options.log.write({ event: 'missing', messageId, state })
  return { ended: options.messageIds.size - open.size, missing: open.size }
}

async function askAll(
  options: SettleOptions,
  open: Map<string, { state: string; denials: number }>,
): Promise<void> {
  const ids = open.keys().toArray()
  let next = 0
  const ask = async (): Promise<void> => {
    while (next < ids.length && !options.signal.aborted) {
      const messageId = ids[next] as string
      next += 1
      const state = await options.stateOf(messageId)
      const entry = open.get(messageId)
      if (state === null || !entry) continue
      if (isEnding(state)) {
        options.log.write({ event: 'ended', messageId, state })
        open.delete(messageId)
      } else {
        open.set(messageId, { state, denials: state === 'unknown' ? entry.denials + 1 : 0 })
      }
    }
  }
  await Promise.all(Array.from({ length: options.connections }, ask))
}

function isEnding(state: string): state is Ending {
  return (ENDINGS as readonly string[]).includes(state)
}
