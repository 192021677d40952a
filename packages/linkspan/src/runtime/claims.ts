import type { ClusterMember, StateReader } from '../journal/journal.ts'
import type { Clock } from '../model/outside.ts'
import { openCell, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'
import { mayWrite } from './may-write.ts'

/**
 * Says to the engines of a cluster which one of them does something that one alone may do: act on an ended message,
 * whoever owns its partition; run a source. A claim holds until it is given back or its engine can write no more, so no
 * clock has a say in it.
 */
export interface Claims {
  /**
   * Waits until nobody else has the claim, or can write no more. Answers how to give it back, with the next commit, which
   * is when that resolves; or null when another engine has it for too long. This engine must not take it again before.
   */
  take(what: string): Promise<(() => Promise<void>) | null>
}

/** What claiming takes. */
export interface ClaimsOptions {
  readonly state: StateReader
  readonly committer: Pick<Committer, 'state' | 'flush'>
  readonly clock: Clock
  /** The number of this engine. */
  readonly member: number
  readonly members: () => Promise<readonly ClusterMember[]>
  /** What the claims are about: where they lie among the journal's cells. */
  readonly about: 'messages' | 'sources'
}

const SCOPES = { messages: 'linkspan:claims', sources: 'linkspan:sources' } as const
/** How long is waited for another engine: longer than a dead one's lease. */
const WITHIN_MS = 15_000
const POLL_MS = 100
/**
 * After which time a claim to a message is forgotten whose engine died with it, and whose message nobody acted on again.
 * A claim to a source is held for as long as its engine runs it, and there are no more of them than flows.
 */
const KEEP_MS = 86_400_000

/** Makes the claims of one engine. It must not take one that it has. */
export function createClaims({ state, committer, clock, member, members, about }: ClaimsOptions): Claims {
  const scope = SCOPES[about]
  /** Makes each claim another value than the one before it. */
  let turn = 0

  const write = (key: string, before: Uint8Array | null, value: Uint8Array | null): Promise<boolean> => {
    const now = clock.now()
    const basedOn = { value: before, at: now, frame: null }
    const until = about === 'messages' ? now + KEEP_MS : null
    return new Promise((resolve, reject) => {
      committer.state({ scope, key, value, until, basedOn }, resolve)
      committer.flush().catch(reject)
    })
  }

  const isHeld = async (claim: Uint8Array, key: string): Promise<boolean> => {
    const { by } = openCell(claim, scope, key).v as { readonly by: number }
    return by !== member && mayWrite((await members()).find((each) => each.member === by))
  }

  const takeNow = async (key: string): Promise<(() => Promise<void>) | null> => {
    const before = await state.get(scope, key)
    if (before !== null && (await isHeld(before, key))) return null
    turn += 1
    const mine = sealCell({ v: { by: member, turn }, u: null }, scope, key)
    if (!(await write(key, before, mine))) return null
    // Whoever waits for what goes with it hears of a failure.
    return () =>
      write(key, mine, null).then(
        () => undefined,
        () => undefined,
      )
  }

  return {
    async take(what) {
      const deadline = clock.monotonic() + WITHIN_MS
      for (;;) {
        const giveBack = await takeNow(what)
        if (giveBack !== null || clock.monotonic() >= deadline) return giveBack
        await new Promise<void>((resolve) => clock.timer(POLL_MS, resolve))
      }
    },
  }
}
