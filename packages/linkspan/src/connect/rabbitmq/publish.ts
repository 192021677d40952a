import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { BatchedCall, CallContext, CallOutcome } from '../connector.ts'
import { givenUp } from '../unless-given-up.ts'
import type { Draft } from './draft.ts'
import type { Line } from './line.ts'
import { nameOf, type Publisher, publisherOf } from './publisher.ts'
import { blockedBy, type RabbitmqClient } from './rabbitmq-client.ts'
import { delayTopology } from './topology.ts'

/** Where a message was published, and by which id. */
export interface Published {
  readonly exchange: string
  readonly routingKey: string
  readonly messageId: string
}

/** Makes the message of a call; throws a `LinkspanError` where that is not possible. */
export type DraftOf<In> = (input: In, call: CallContext) => Draft

interface Drafted {
  readonly nth: number
  readonly call: CallContext
  readonly draft: Draft
}

type Outcomes = Map<number, CallOutcome<Published>>

/** What is in memory of messages that are unanswered, roughly. */
const MOST_BYTES = 8 * 1024 * 1024

/**
 * Publishes the messages of many calls, and waits for the broker's answers together. Each call has its own outcome: one that cannot
 * be written, or that no queue takes, holds up no other.
 */
export async function publishAll<In>(
  client: RabbitmqClient,
  calls: readonly BatchedCall<In>[],
  draftOf: DraftOf<In>,
): Promise<readonly CallOutcome<Published>[]> {
  const outcomes: Outcomes = new Map()
  const drafted = calls.flatMap(({ input, call }, nth): readonly Drafted[] => {
    try {
      if (call.signal.aborted) throw givenUp('RabbitMQ', 'no')
      return [{ nth, call, draft: draftOf(input, call) }]
    } catch (error) {
      outcomes.set(nth, { error: unsendable(error) })
      return []
    }
  })
  const late = timeLimit(client)
  try {
    for (const group of groupsOf(drafted)) await publishGroup(client, group, outcomes, late)
  } finally {
    late.cancel()
  }
  return calls.map((_, nth) => outcomes.get(nth) as CallOutcome<Published>)
}

function unsendable(thrown: unknown): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  return new LinkspanError(
    'CALL_REJECTED',
    `RabbitMQ: the message of a call could not be made: ${thrown instanceof Error ? thrown.message : String(thrown)}. Correct the operation's functions.`,
    { retry: 'never', applied: 'no', cause: thrown },
  )
}

/** As many messages as there is memory for, in their order. */
function groupsOf(drafted: readonly Drafted[]): readonly (readonly Drafted[])[] {
  const groups: Drafted[][] = []
  let bytes = 0
  for (const each of drafted) {
    bytes += each.draft.content.length
    const last = groups.at(-1)
    if (last !== undefined && bytes <= MOST_BYTES) {
      last.push(each)
      continue
    }
    groups.push([each])
    bytes = each.draft.content.length
  }
  return groups
}

interface TimeLimit {
  readonly isOver: boolean
  /** Rejects when the time is over. */
  readonly over: Promise<never>
  cancel(): void
}

function timeLimit({ clock, confirmTimeout }: RabbitmqClient): TimeLimit {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  let isOver = false
  const cancel = clock.timer(confirmTimeout, () => {
    isOver = true
    reject(OVER)
  })
  return {
    get isOver() {
      return isOver
    },
    over: promise,
    cancel,
  }
}

const OVER = new Error('The time limit.')

async function publishGroup(
  client: RabbitmqClient,
  group: readonly Drafted[],
  outcomes: Outcomes,
  late: TimeLimit,
): Promise<void> {
  const line = await lineFor(client, group, outcomes, late)
  if (line === null) return
  const byExchange = Map.groupBy(group, ({ draft }) => targetOf(draft).exchange)
  await Promise.all(
    [...byExchange].map(([exchange, drafts]) => publishTo(client, line, exchange, drafts, outcomes, late)),
  )
}

/** Nothing has left yet: whatever goes wrong, nothing was written. */
async function lineFor(
  client: RabbitmqClient,
  group: readonly Drafted[],
  outcomes: Outcomes,
  late: TimeLimit,
): Promise<Line | null> {
  try {
    const line = await Promise.race([client.publishing(), late.over])
    if (line.blocked !== null) throw blockedBy(line)
    return line
  } catch (error) {
    const failure = error === OVER ? unanswered(client.system, client, 'no') : error
    for (const { nth } of group) outcomes.set(nth, { error: failure })
    return null
  }
}

async function publishTo(
  client: RabbitmqClient,
  line: Line,
  exchange: string,
  drafts: readonly Drafted[],
  outcomes: Outcomes,
  late: TimeLimit,
): Promise<void> {
  let publisher: Publisher
  try {
    publisher = await Promise.race([readyPublisher(line, exchange, drafts), late.over])
  } catch (error) {
    const failure = error === OVER ? unanswered(line.system, client, 'no') : error
    for (const { nth } of drafts) outcomes.set(nth, { error: failure })
    if (error === OVER) line.giveUp()
    return
  }
  await Promise.all(
    drafts.map(async (each) => {
      outcomes.set(each.nth, await publishOne(client, line, publisher, each, late))
    }),
  )
  // A broker that is short of memory answers later, on this line; another one would hear of that no sooner.
  if (late.isOver && line.blocked === null) line.giveUp()
}

/** What holds messages back is declared when it is first needed. */
async function readyPublisher(line: Line, exchange: string, drafts: readonly Drafted[]): Promise<Publisher> {
  const [first] = drafts
  const { topology } = targetOf((first as Drafted).draft)
  if (topology !== null) await line.declare(topology)
  return publisherOf(line, exchange)
}

async function publishOne(
  client: RabbitmqClient,
  line: Line,
  publisher: Publisher,
  { call, draft }: Drafted,
  late: TimeLimit,
): Promise<CallOutcome<Published>> {
  if (!call.maySend()) return { error: held() }
  const { exchange, routingKey, properties } = draft
  try {
    const sent = { ...draft, exchange: targetOf(draft).exchange }
    await Promise.race([publisher.publish(sent), late.over])
    return { result: { exchange, routingKey, messageId: properties.messageId } }
  } catch (error) {
    if (error !== OVER) return { error }
    return { error: unanswered(`${nameOf(exchange)} at ${line.system}`, client, 'unknown') }
  }
}

function targetOf({ exchange, delayMs }: Draft) {
  return delayMs === null ? { exchange, topology: null } : delayTopology(exchange, delayMs)
}

function held(): LinkspanError {
  return new LinkspanError('CALL_FAILED', 'The call was withheld.', { retry: 'later', applied: 'no' })
}

function unanswered(
  whom: string,
  { confirmTimeout }: RabbitmqClient,
  applied: 'no' | 'unknown',
): LinkspanError {
  const what = applied === 'no' ? 'Nothing was sent.' : 'The message may or may not have been written.'
  return new LinkspanError(
    'CALL_TIMED_OUT',
    `RabbitMQ: ${whom} did not answer within ${confirmTimeout} ms (confirmTimeout). ${what} Look at the broker.`,
    { retry: 'later', applied },
  )
}
