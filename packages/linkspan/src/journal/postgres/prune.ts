import { createWalk, type ForgetBounds, GRACE } from '../walk.ts'
import type { Reading } from './reading.ts'
import type { Ask } from './schema.ts'

/** Forgets old messages, a stretch or a volume per call. */
export interface Pruner {
  /** Looks at up to `limit` messages, passes over some, or drops a volume; 0 when it came round. */
  step(bounds: PruneBounds, limit: number): Promise<number>
}

/** What may be forgotten. */
export interface PruneBounds extends ForgetBounds {
  /**
   * Nothing at or above this place is forgotten, so that the journal can tell a lost message from a forgotten one. The
   * database looks again, as members come and go.
   */
  readonly lowWater: number
}

/** A volume in which more must be kept than this is not dropped; its messages are forgotten one by one. */
const MOST_KEPT = 10_000

interface Step {
  readonly looked: number
  readonly last: number | null
  readonly young: boolean
  readonly forgotten: number
  readonly soonest: number | null
  readonly expired: number
}

interface Volume {
  readonly lo: number
  readonly hi: number
  /** When the last message of it was accepted. */
  readonly newest: number
}

/**
 * Makes a pruner. The oldest volume is dropped as a whole when its last message was accepted long enough ago. Shortly
 * before, its messages are left alone, as dropping them together costs next to nothing; until then, and in the volume
 * that is being written, they are forgotten one by one: where few messages come in, a volume takes long to fill.
 */
export function createPruner(
  ask: Ask,
  { schema }: Reading,
  owner: { readonly member: number; readonly incarnation: string },
): Pruner {
  const way = createWalk()
  /** Volumes up to this place hold too much that must be kept, until the bound is there. */
  let refused = { upTo: 0, endedBefore: Number.NEGATIVE_INFINITY }

  const oldest = async (): Promise<Volume | null> => {
    const [row] = await ask(
      `SELECT v.lo, v.hi, coalesce(
         (SELECT m.accepted_at FROM ${schema}.messages m WHERE m.seq < v.hi ORDER BY m.seq DESC LIMIT 1), 0
       ) AS newest FROM ${schema}.volumes v ORDER BY v.lo LIMIT 1`,
    )
    return (row as unknown as Volume | undefined) ?? null
  }
  const drop = async (bounds: PruneBounds, { hi }: Volume): Promise<number> => {
    const values = [owner.member, owner.incarnation, bounds.endedBefore, bounds.attentionBefore, MOST_KEPT]
    const [row] = await ask(`SELECT ${schema}.drop_volume_1($1, $2, $3, $4, $5) AS forgotten`, values)
    const { forgotten } = row as unknown as { forgotten: number | null }
    if (forgotten === -1) {
      const again = Math.max(1, (bounds.now - bounds.endedBefore) * GRACE)
      refused = { upTo: hi, endedBefore: bounds.endedBefore + again }
    }
    return forgotten === null || forgotten < 0 ? 0 : Math.max(forgotten, 1)
  }
  const walk = async (bounds: PruneBounds, stop: number, limit: number): Promise<number> => {
    const { endedBefore, attentionBefore, now } = bounds
    const stretch = way.next(bounds, stop)
    const [row] = await ask(`SELECT * FROM ${schema}.prune_1($1, $2, $3, $4, $5, $6, $7, $8)`, [
      owner.member,
      owner.incarnation,
      stretch.after,
      stretch.stop,
      endedBefore,
      attentionBefore,
      now,
      limit,
    ])
    const { looked: count, last, young, forgotten, soonest, expired } = row as unknown as Step
    const found = { count, limit, last, forgotten, young, soonest }
    return way.goOn(stretch, found, bounds) ? Math.max(count, 1) + expired : expired
  }
  return {
    step: async (bounds, limit) => {
      const { endedBefore, now, lowWater } = bounds
      const first = await oldest()
      const isRefused = (hi: number): boolean => hi <= refused.upTo && endedBefore < refused.endedBefore
      const whole = first !== null && first.hi <= lowWater && !isRefused(first.hi) ? first : null
      if (whole !== null && whole.newest < endedBefore) {
        const forgotten = await drop(bounds, whole)
        if (forgotten > 0) return forgotten
      }
      const grace = Math.max(0, now - endedBefore) * GRACE
      const soon = whole !== null && !isRefused(whole.hi) && whole.newest < endedBefore + grace
      return walk(bounds, soon ? Math.min(whole.lo, lowWater) : lowWater, limit)
    },
  }
}
