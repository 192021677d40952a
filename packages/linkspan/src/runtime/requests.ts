import type { ClusterMember, StateReader } from '../journal/journal.ts'
import { ensureError, LinkspanError, restoreError, type StoredError, storeError } from '../model/errors.ts'
import type { Json, MessageSummary } from '../model/message.ts'
import type { Clock, Logger, Random } from '../model/outside.ts'
import { openCell, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'

/** What only the engine that owns a partition can do, as it is the one that runs what lies there. */
export type Act =
  | { readonly what: 'cancel'; readonly id: string; readonly note: string }
  | {
      readonly what: 'skipKey'
      /** The flow by the name that all engines know it by. */
      readonly identity: string
      readonly key: string
      readonly note: string
    }

/**
 * What people ask of one engine and another has to do. A request lies in the journal until the owner of its partition
 * takes it up, whoever that is by then, and it is answered there too.
 */
export interface Requests {
  /** Asks the owner of a partition to act; resolves and rejects as that went. */
  ask(partition: number, act: Act): Promise<MessageSummary>
  /** Takes up what others ask of this engine. Called again and again, as nobody tells of it. */
  look(): Promise<void>
}

/** What asking takes. */
export interface RequestsOptions {
  readonly state: StateReader
  readonly committer: Pick<Committer, 'state'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The number of this engine. */
  readonly member: number
  readonly owned: ReadonlySet<number>
  readonly members: () => Promise<readonly ClusterMember[]>
  /**
   * Finds the message that an act is about. What is found goes on record before {@link perform}, so that who goes on with
   * the request after a crash acts on no other.
   */
  readonly target: (act: Act) => Promise<number>
  /** Acts on that message; `since` is when it was asked for: what was done to it from then on is the act itself. */
  readonly perform: (act: Act, seq: number, since: number) => Promise<MessageSummary>
}

/** A request as the journal keeps it. */
interface Request {
  readonly partition: number
  readonly act: Act
  /** When it was made, milliseconds since 1970. */
  readonly at: number
  /** Who has taken it up, and the place of the message that it is about. */
  readonly taken?: { readonly by: number; readonly seq: number }
  readonly answer?: { readonly done: MessageSummary } | { readonly failed: StoredError }
}

const SCOPE = 'linkspan:requests'
const PAGE = 100
const TOKEN = 12
/** How long is waited for an answer: longer than a dead owner's lease. */
const ANSWER_WITHIN_MS = 15_000
const POLL_MS = 100
/** After which time a request is forgotten that nobody withdrew. */
const KEEP_MS = 60_000

/** Makes the way from engine to engine for what people ask. */
export function createRequests(options: RequestsOptions): Requests {
  const { state, committer, clock, member, owned } = options
  /** Requests that are being carried out here. */
  const underWay = new Set<string>()

  const read = async (key: string): Promise<Found | null> => {
    const value = await state.get(SCOPE, key)
    return value === null ? null : found(value, key)
  }

  /** Writes a request, or removes it, if it is still as it was read; answers whether it was. */
  const write = (key: string, before: Found | null, request: Request | null): Promise<boolean> => {
    const until = (request ?? before?.request)?.at ?? clock.now()
    const value =
      request === null ? null : sealCell({ v: request as unknown as Json, u: until + KEEP_MS }, SCOPE, key)
    const basedOn = { value: before?.value ?? null, at: clock.now(), frame: null }
    return new Promise((resolve, reject) =>
      committer.state({ scope: SCOPE, key, value, until: until + KEEP_MS, basedOn }, resolve, reject),
    )
  }

  const ask: Requests['ask'] = async (partition, act) => {
    const key = options.random.token(TOKEN)
    await write(key, null, { partition, act, at: clock.now() })
    const deadline = clock.monotonic() + ANSWER_WITHIN_MS
    for (;;) {
      await new Promise<void>((resolve) => clock.timer(POLL_MS, resolve))
      const last = await read(key)
      if (last?.request.answer) {
        await write(key, last, null)
        return taken(last.request.answer)
      }
      if (clock.monotonic() < deadline) continue
      // Once it is withdrawn nobody takes it up any more; if somebody has meanwhile, there may be an answer.
      if (last === null || last.request.taken || (await write(key, last, null)))
        throw await unanswered(partition, last?.request.taken !== undefined || last === null)
    }
  }

  const unanswered = async (partition: number, isTaken: boolean): Promise<LinkspanError> => {
    const owner = (await options.members()).find(
      ({ state: lives, partitions }) => lives === 'live' && partitions.includes(partition),
    )
    const who = owner?.name ?? 'none just now'
    const what = isTaken
      ? 'took it up and has not answered: look at the message before you ask again'
      : 'did not take it up in time, and it was withdrawn: nothing was done. Ask again'
    return new LinkspanError(
      'ENGINE_BUSY',
      `The message is run by another engine of the cluster (${who}), which ${what}. See linkspan cluster.`,
      { retry: { afterMs: 2_000 }, details: { partition, owner: owner?.name ?? null } },
    )
  }

  const look: Requests['look'] = async () => {
    for (let after = ''; ; ) {
      const page = await state.list(SCOPE, after, PAGE)
      for (const { key, value } of page) {
        const each = found(value, key)
        const { partition, answer } = each.request
        if (answer === undefined && owned.has(partition) && !underWay.has(key)) carryOut(key, each)
      }
      const last = page.at(-1)
      if (!last || page.length < PAGE) return
      after = last.key
    }
  }

  const carryOut = (key: string, request: Found): void => {
    underWay.add(key)
    act(key, request)
      .catch((error: unknown) => options.logger.log('warn', 'request.again', { error: String(error) }))
      .finally(() => underWay.delete(key))
  }

  const act = async (key: string, asked: Found): Promise<void> => {
    const mine = await take(key, asked)
    if (mine === null) return
    const { request } = mine
    const answer = await attempt(() => options.perform(request.act, request.taken.seq, request.at))
    // Without the partition it was not this engine that could act: the next owner does.
    if ('failed' in answer && !owned.has(request.partition)) return
    await write(key, mine, { ...request, answer })
  }

  /** Makes a request this engine's; null when it has an answer, or was withdrawn or taken meanwhile. */
  const take = async (key: string, asked: Found): Promise<Taken | null> => {
    const { request } = asked
    let seq = request.taken?.seq
    if (seq === undefined)
      try {
        seq = await options.target(request.act)
      } catch (error) {
        await write(key, asked, { ...request, answer: { failed: storeError(ensureError(error)) } })
        return null
      }
    const next = { ...request, taken: { by: member, seq } }
    if (!(await write(key, asked, next))) return null
    const after = await read(key)
    return after === null ? null : { value: after.value, request: next }
  }

  return { ask, look }
}

interface Found {
  readonly value: Uint8Array
  readonly request: Request
}

interface Taken extends Found {
  readonly request: Request & { readonly taken: { readonly by: number; readonly seq: number } }
}

function found(value: Uint8Array, key: string): Found {
  return { value, request: openCell(value, SCOPE, key).v as unknown as Request }
}

function taken(answer: NonNullable<Request['answer']>): MessageSummary {
  if ('done' in answer) return answer.done
  throw restoreError(answer.failed)
}

async function attempt(run: () => Promise<MessageSummary>): Promise<NonNullable<Request['answer']>> {
  try {
    return { done: await run() }
  } catch (error) {
    return { failed: storeError(ensureError(error)) }
  }
}
