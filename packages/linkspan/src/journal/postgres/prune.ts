import type { Reading } from './reading.ts'
import type { Ask } from './schema.ts'

/** Forgets old messages, a stretch or a volume per call. */
export interface Pruner {
  /** Looks at up to `limit` messages, or drops a volume; 0 when it came round. */
  step(bounds: PruneBounds, limit: number): Promise<number>
}

/** What may be forgotten. */
export interface PruneBounds {
  readonly endedBefore: number
  readonly attentionBefore: number
  readonly now: number
  /**
   * Nothing at or above this place is forgotten, so that the journal can tell a lost message from a forgotten one. The
   * database looks again, as members come and go.
   */
  readonly lowWater: number
}

/** A volume in which more must be kept than this is not dropped; its messages are forgotten one by one. */
const MOST_KEPT = 10_000
/** The share of the retention that messages may be kept longer, if all of their volume can be dropped then. */
const GRACE = 1 / 8

interface Step {
  readonly looked: number
  readonly last: number | null
  readonly young: boolean
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
  let walked = 0
  /** Volumes up to this place hold too much that must be kept. */
  let refusedUpTo = 0

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
    if (forgotten === -1) refusedUpTo = hi
    return forgotten === null || forgotten < 0 ? 0 : Math.max(forgotten, 1)
  }
  const walk = async (bounds: PruneBounds, stop: number, limit: number): Promise<number> => {
    const { endedBefore, attentionBefore, now } = bounds
    const [row] = await ask(`SELECT * FROM ${schema}.prune_1($1, $2, $3, $4, $5, $6, $7, $8)`, [
      owner.member,
      owner.incarnation,
      walked,
      stop,
      endedBefore,
      attentionBefore,
      now,
      limit,
    ])
    const { looked, last, young, expired } = row as unknown as Step
    walked = young ? 0 : (last ?? 0)
    return young ? expired : looked + expired
  }
  return {
    step: async (bounds, limit) => {
      const { endedBefore, now, lowWater } = bounds
      const first = await oldest()
      const whole = first !== null && first.hi <= lowWater && first.hi > refusedUpTo ? first : null
      if (whole !== null && whole.newest < endedBefore) {
        const forgotten = await drop(bounds, whole)
        if (forgotten > 0) return forgotten
      }
      const grace = Math.max(0, now - endedBefore) * GRACE
      const soon = whole !== null && whole.hi > refusedUpTo && whole.newest < endedBefore + grace
      return walk(bounds, soon ? Math.min(whole.lo, lowWater) : lowWater, limit)
    },
  }
}
