import type { ClusterMember } from '../journal/journal.ts'
import type { Logger } from '../model/outside.ts'
import { againCursor, type Left } from './follow-others.ts'
import { versionOf } from './former-names.ts'
import { pausedCursor, saysPaused } from './paused.ts'
import type { FlowQueue } from './queue/flow-queue.ts'

/**
 * Flows that other engines of the cluster have and this one lacks. What of them lies in this engine's partitions keeps
 * its place in queues here, and each message is lent to an engine that has the flow.
 */
export interface ForeignFlows {
  /** Sees who has which flows now, and what people left. */
  follow(members: readonly ClusterMember[], left: Left): void
  /** Whether a flow that this engine lacks is there at another one that lives. */
  isElsewhere(flow: string): boolean
  /** The queue in which messages of such a flow have their place here; undefined where no engine that lives has the flow. */
  queueOf(flow: string): FlowQueue | undefined
  /**
   * The names that such a flow may be kept under, by any of its names: one, unless it was renamed more than once. None where
   * no engine that lives has the flow.
   */
  identitiesOf(flow: string): readonly string[]
  /** The names of the engines that live and have a flow. */
  whoHas(flow: string): readonly string[]
  /** The flows that other engines have which live, by their present names. */
  readonly names: readonly string[]
}

/** What keeping queues for them takes. */
export interface ForeignFlowsOptions {
  /** Whether this engine has a flow, under any of its names. */
  readonly has: (flow: string) => boolean
  /** The number of this engine. */
  readonly member: number
  readonly logger: Logger
  /** Makes and keeps the queue of a flow, which has not started. */
  readonly open: (flow: string) => FlowQueue
}

/** Begins to keep queues for flows that this engine lacks: none, until it sees who else is there. */
export function createForeignFlows({ has, member, logger, open }: ForeignFlowsOptions): ForeignFlows {
  const queues = new Map<string, FlowQueue>()
  let before: Left = new Map()
  let others: readonly ClusterMember[] = []

  const openMissing = (left: Left): void => {
    for (const flow of new Set(others.flatMap(identitiesOf))) {
      if (has(flow) || queues.has(flow)) continue
      const queue = open(flow)
      queues.set(flow, queue)
      if (mustRest(flow, others, left)) queue.pause()
      queue.start()
      logger.log('info', 'flow.elsewhere', { flow })
    }
  }

  return {
    follow(members, left) {
      others = members.filter((each) => each.state === 'live' && each.member !== member)
      openMissing(left)
      for (const [flow, queue] of queues) {
        const again = againCursor(namesOf(flow))
        if (left.get(again) !== before.get(again)) queue.gained()
        const rests = mustRest(flow, others, left)
        if (rests && !queue.paused) queue.pause()
        else if (!rests && queue.paused) queue.resume()
      }
      before = left
    },
    isElsewhere: (flow) => isThere(flow, others),
    queueOf: (flow) => (isThere(flow, others) ? queues.get(flow) : undefined),
    identitiesOf: (flow) => [...new Set(others.flatMap((each) => identitiesAt(each, presentAt(each, flow))))],
    whoHas: (flow) => others.filter((each) => versionOf(each, flow) !== undefined).map(({ name }) => name),
    get names() {
      return [...new Set(others.flatMap(({ flows }) => Object.keys(flows)))].filter((flow) => !has(flow))
    },
  }
}

/** While it is paused, or nobody has it. */
function mustRest(flow: string, others: readonly ClusterMember[], left: Left): boolean {
  const isPaused = saysPaused(left.get(pausedCursor(namesOf(flow))))
  return isPaused || !isThere(flow, others)
}

function isThere(flow: string, members: readonly ClusterMember[]): boolean {
  return members.some((each) => versionOf(each, flow) !== undefined)
}

/**
 * The names that messages of a member's flows may lie under: the first one each had. Which of several was the first, a
 * member does not say; under the others nothing lies.
 */
function identitiesOf(member: ClusterMember): readonly string[] {
  return Object.keys(member.flows).flatMap((flow) => identitiesAt(member, flow))
}

function identitiesAt({ flows, formerNames = {} }: ClusterMember, present: string): readonly string[] {
  if (flows[present] === undefined) return []
  const before = Object.entries(formerNames).flatMap(([name, now]) => (now === present ? [name] : []))
  return before.length === 0 ? [present] : before
}

const presentAt = ({ formerNames = {} }: ClusterMember, flow: string): string => formerNames[flow] ?? flow

const namesOf = (flow: string) => ({ name: flow, renamedFrom: [] })
