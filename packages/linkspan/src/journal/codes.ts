import { ENDINGS, type Ending, type WaitReason } from '../model/message.ts'

/** Wait reasons by their number in a journal; only ever appended to. */
export const REASONS: readonly WaitReason[] = [
  'ready',
  'retry',
  'delay',
  'children',
  'verify',
  'event',
  'budget',
]

/** Endings by their number in a journal; only ever appended to. 2, 3 and 4 wait for a person. */
const STORED_ENDINGS: readonly Ending[] = ['done', 'filtered', 'dead', 'inDoubt', 'parked', 'dropped']

const endingCodes = new Map(STORED_ENDINGS.map((ending, code) => [ending, code]))
const reasonCodes = new Map(REASONS.map((reason, code) => [reason, code]))

/** The endings that wait for a person. */
export const FOR_PEOPLE: ReadonlySet<Ending> = new Set<Ending>(['dead', 'inDoubt', 'parked'])

/** The number of an ending in a journal. */
export const endingCode = (ending: Ending): number => endingCodes.get(ending) as number
/** The ending of a number in a journal; undefined when the number is damaged. */
export const endingOf = (code: number): Ending | undefined => STORED_ENDINGS[code]
/** The number of a wait's reason in a journal. */
export const reasonCode = (reason: WaitReason): number => reasonCodes.get(reason) as number
/** The reason of a number in a journal; undefined when the number is damaged. */
export const reasonOf = (code: number): WaitReason | undefined => REASONS[code]

/** Tally slots of a flow: its endings, its children's endings, its waits. */
export const slots = {
  ending: (code: number, child: boolean): number => code + (child ? 8 : 0),
  wait: (reason: number, child: boolean): number => 16 + reason + (child ? 8 : 0),
  /** What a slot counts. */
  meaning: (
    slot: number,
  ): { ending: Ending; child: boolean } | { reason: WaitReason; child: boolean } | undefined => {
    if (slot >= 16) {
      const reason = reasonOf(slot & 7)
      return reason === undefined ? undefined : { reason, child: slot >= 24 }
    }
    const ending = endingOf(slot & 7)
    return ending === undefined ? undefined : { ending, child: slot >= 8 }
  },
} as const

/** The tally slots of all endings. */
export const endingSlots: readonly number[] = [false, true].flatMap((child) =>
  ENDINGS.map((ending) => slots.ending(endingCode(ending), child)),
)

/** How a waiting message is related: to nobody, to a parent that does not wait for it, to one that does. */
export const kin = { root: 0, free: 1, awaited: 2 } as const
