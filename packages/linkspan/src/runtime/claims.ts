import type { ClusterMember, StateReader } from '../journal/journal.ts'
import type { Clock } from '../model/outside.ts'
import { openCell, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'
import { mayWrite } from './may-write.ts'

/**
 * Says to the engines of a cluster which one of them acts on an ended message, whoever owns its partition. A claim holds
 * until it is given back or its engine can write no more, so no clock has a say in it.
 */
export interface Claims {
  /**
   * Waits until nobody else has the claim, or can write no more. Answers how to give it back, with the next commit; or
   * null when another engine has it for too long.
   */
  take(seq: number): Promise<(() => void) | null>
}

/** What claiming takes. */
export interface ClaimsOptions {
  readonly state: StateReader
  readonly committer: Pick<Committer, 'state' | 'flush'>
  readonly clock: Clock
  /** The number of this engine. */
  readonly member: number
  readonly members: () => Promise<readonly ClusterMember[]>
}

const SCOPE = 'linkspan:claims'
/** How long is waited for another engine: longer than a dead one's lease. */
const WITHIN_MS = 15_000
const POLL_MS = 100
/** After which time a claim is forgotten whose engine died with it, and whose message nobody acted on again. */
const KEEP_MS = 86_400_000

/** Makes the claims of one engine. It must not take one that it has. */
export function createClaims({ state, committer, clock, member, members }: ClaimsOptions): Claims {
  /** Makes each claim another value than the one before it. */
  let turn = 0

  const write = (key: string, before: Uint8Array | null, value: Uint8Array | null): Promise<boolean> => {
    const now = clock.now()
    const basedOn = { value: before, at: now, frame: null }
    return new Promise((resolve, reject) => {
      committer.state({ scope: SCOPE, key, value, until: now + KEEP_MS, basedOn }, resolve)
      committer.flush().catch(reject)
    })
  }

  const isHeld = async (claim: Uint8Array, key: string): Promise<boolean> => {
    const { by } = openCell(claim, SCOPE, key).v as { readonly by: number }
    return by !== member && mayWrite((await members()).find((each) => each.member === by))
  }

  const takeNow = async (key: string): Promise<(() => void) | null> => {
    const before = await state.get(SCOPE, key)
    if (before !== null && (await isHeld(before, key))) return null
    turn += 1
    const mine = sealCell({ v: { by: member, turn }, u: null }, SCOPE, key)
    if (!(await write(key, before, mine))) return null
    // Whoever waits for what goes with it hears of a failure.
    return () => void write(key, mine, null).catch(() => undefined)
  }

  return {
    async take(seq) {
      const deadline = clock.monotonic() + WITHIN_MS
      for (;;) {
        const giveBack = await takeNow(String(seq))
        if (giveBack !== null || clock.monotonic() >= deadline) return giveBack
        await new Promise<void>((resolve) => clock.timer(POLL_MS, resolve))
      }
    },
  }
}
