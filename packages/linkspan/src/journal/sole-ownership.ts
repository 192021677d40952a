import type { BacklogReader, ClusterMember, ClusterSurvey, Grant, Opened, Ownership } from './journal.ts'

/** What a sole owner's journal says of itself. */
export interface SoleOwner {
  readonly opened: Opened
  /** The owner as people know it. */
  readonly name: string
  readonly backlog: Pick<BacklogReader, 'count'>
  readonly now: () => number
}

const ONLY: ReadonlySet<number> = new Set([0])

/** The ownership of a journal that one engine owns as a whole, from opening to closing. */
export function soleOwnership({ opened, name, backlog, now }: SoleOwner): Ownership {
  const since = now()
  const { crashed, lastSeq } = opened
  const grants: readonly Grant[] = [{ partition: 0, died: crashed ? { member: 0, upTo: lastSeq } : null }]
  const owner: ClusterMember = {
    member: 0,
    name,
    since,
    leaseUntil: Number.MAX_SAFE_INTEGER,
    state: 'live',
    self: true,
    partitions: [0],
    flows: {},
  }
  return {
    member: 0,
    partitions: 1,
    owned: ONLY,
    holds: () => true,
    now: () => null,
    begin: async () => grants,
    recovered: async () => undefined,
    retire: refuse,
    release: async () => refuse(),
    members: async () => [owner],
    running: async () => [],
    survey: async (): Promise<ClusterSurvey> => ({
      now: now(),
      members: [owner],
      partitions: [{ partition: 0, owner: 0, ...(await waitingIn(backlog)) }],
    }),
  }
}

async function waitingIn(
  backlog: Pick<BacklogReader, 'count'>,
): Promise<{ readonly waiting: number; readonly oldest: number | null }> {
  const groups = await backlog.count()
  return {
    waiting: groups.reduce((sum, { count }) => sum + count, 0),
    oldest: groups.length === 0 ? null : Math.min(...groups.map(({ oldest }) => oldest)),
  }
}

function refuse(): never {
  throw new Error('A journal of one owner has nobody to give its partition to.')
}
