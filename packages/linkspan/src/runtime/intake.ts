import type { Incoming } from '../connect/connector.ts'
import type { AcceptedAt, NewMessage } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import { rootId, TOKEN_LENGTH } from '../model/message-id.ts'
import type { Clock, Random } from '../model/outside.ts'
import { bodyPlace, sealBytes } from './codec.ts'
import type { Committer } from './committer.ts'
import type { CompiledFlow } from './compile.ts'
import type { Accepted } from './engine-api.ts'
import type { Events } from './events.ts'
import { identityOf } from './former-names.ts'
import type { FreshSet } from './fresh-set.ts'
import type { Home, Homes } from './homes.ts'
import { jsonText, settled } from './json.ts'
import type { Loaded } from './loaded.ts'
import type { FlowQueue } from './queue/flow-queue.ts'
import { checkBody, takenHeaders, type Unfit } from './taken-body.ts'

/** A flow that takes messages. */
export interface Taker {
  readonly flow: CompiledFlow
  readonly queue: FlowQueue
}

/** A message that is checked and ready to be accepted. */
export interface Prepared {
  readonly taker: Taker
  readonly key: string | null
  readonly headers: Headers
  /** The body as it is kept: JSON text in UTF-8. */
  readonly json: Uint8Array
  /** The body as the flow takes it. */
  readonly body: unknown
  readonly index: Readonly<Record<string, string>> | null
  readonly dedupeKey: string | undefined
  readonly acceptedAt: number
}

/** What accepting takes. */
export interface EntryOptions {
  readonly clock: Clock
  readonly random: Random
  readonly committer: Committer
  readonly events: Events
  /** Remembers the messages that run without a wait in the journal. */
  readonly fresh: Pick<FreshSet, 'add' | 'saw'>
  readonly homes: Homes
}

/** The way in. */
export interface Entrance {
  /** Checks a message and derives what its flow's source says. Rejects with `BODY_INVALID`. */
  prepare(taker: Taker, incoming: Incoming, key: string | undefined): Prepared | Promise<Prepared>
  /** Prepares a message that is accepted although its flow cannot run it. */
  asUnfit(taker: Taker, incoming: Incoming, unfit: Unfit): Prepared
  /** Accepts from outside: resolves after the commit. */
  accept(prepared: Prepared): Promise<Accepted>
  /** Accepts from inside, with the commit that is being made; never refused. */
  add(prepared: Prepared): void
  /**
   * Puts a message into the journal that has run already, in one of this engine's partitions, and neither runs it nor lets it
   * wait: `then` has to end it. Called after the commit, with the message's place.
   */
  put(prepared: Prepared, then: (at: AcceptedAt) => void): void
}

/** Makes the way in. */
export function createEntrance(options: EntryOptions): Entrance {
  const { clock, committer } = options

  const prepare: Entrance['prepare'] = (taker, incoming, key) => {
    const given = incoming.json === undefined ? settled(incoming.body) : incoming.body
    if (incoming.unreadable !== undefined)
      return asUnfit(taker, incoming, { as: 'unreadable', reason: incoming.unreadable })
    const checked = checkBody(taker.flow, given)
    const finish = (body: unknown): Prepared => derive(taker, incoming, given, body, key)
    return checked instanceof Promise ? checked.then(finish) : finish(checked)
  }

  const derive = (
    taker: Taker,
    incoming: Incoming,
    given: unknown,
    body: unknown,
    key: string | undefined,
  ): Prepared => {
    const headers = takenHeaders(incoming.headers ?? {}, null)
    const own = taker.flow.flow.own as OwnCode
    const derivedKey =
      key ?? (own.key ? derived(taker, 'key', () => own.key?.(body, { headers })) : (incoming.key ?? null))
    const dedupeKey =
      incoming.dedupeKey ?? derived(taker, 'dedupe', () => own.dedupe?.(body, { headers })) ?? undefined
    return {
      taker,
      key: derivedKey,
      headers,
      json: incoming.json ?? Buffer.from(jsonText(given ?? null)),
      body,
      index: own.index ? indexOf(taker, own.index, body) : null,
      dedupeKey,
      acceptedAt: incoming.acceptedAt ?? clock.now(),
    }
  }

  /** Nothing that the flow says of its messages can be asked of one that does not fit it. */
  const asUnfit: Entrance['asUnfit'] = (taker, incoming, unfit) => ({
    taker,
    key: incoming.key ?? null,
    headers: takenHeaders(incoming.headers ?? {}, unfit),
    json: incoming.json ?? Buffer.from(jsonText(settled(incoming.body) ?? null)),
    body: incoming.body,
    index: null,
    dedupeKey: incoming.dedupeKey,
    acceptedAt: incoming.acceptedAt ?? clock.now(),
  })

  const toMessage = (prepared: Prepared, token: string, given: Given): NewMessage => {
    const { taker, key, headers, json, index, dedupeKey, acceptedAt } = prepared
    const { flow } = taker
    return {
      flow: flow.name,
      key,
      token,
      acceptedAt,
      codeVersion: flow.codeVersion,
      headers,
      body: sealBytes(json, bodyPlace(token, null)),
      parent: null,
      ...given,
      dedupe:
        dedupeKey === undefined
          ? null
          : {
              scope: identityOf(flow.flow.definition),
              key: dedupeKey,
              until: clock.now() + flow.flow.definition.settings.dedupeForMs,
            },
      index,
    }
  }

  const enter = (
    prepared: Prepared,
  ): { message: NewMessage; then: (at: AcceptedAt) => Accepted; refused: () => void } => {
    const { taker, key } = prepared
    const { queue, flow } = taker
    const token = options.random.token(TOKEN_LENGTH)
    const size = prepared.json.byteLength
    const { partition, here } = homeOf(prepared)
    const handedUpTo = queue.handedUpTo
    const decision = here ? queue.reserve(key, size) : 'elsewhere'
    const message = toMessage(prepared, token, {
      partition,
      handedUpTo,
      ready: decision !== 'direct',
      handOver: decision === 'elsewhere',
    })
    const refused = (): void => {
      if (decision !== 'elsewhere') queue.refused(decision, key, size)
    }
    const then = ({ seq, duplicateOf, behind }: AcceptedAt): Accepted => {
      if (duplicateOf) {
        refused()
        options.events.duplicate(flow.name)
        return { id: duplicateOf.id, duplicate: true }
      }
      const id = rootId(seq, token)
      options.events.accepted(flow.name, false)
      if (decision === 'direct' && behind === undefined) {
        options.fresh.add(seq)
        queue.arrived({
          seq,
          key,
          partition,
          parent: null,
          bytes: size,
          loaded: freshMessage(prepared, partition, seq, id),
          wakeAt: null,
          attempt: 0,
        })
      } else {
        options.fresh.saw(seq)
        if (decision === 'journal') queue.stored(key)
        // Only a message with a key can be behind others.
        else if (decision === 'direct') queue.behind(seq, key as string, size)
      }
      return { id, duplicate: false }
    }
    return { message, then, refused }
  }

  const homeOf = ({ taker, key }: Prepared): Home =>
    key === null ? options.homes.ofNoKey() : options.homes.ofKey(identityOf(taker.flow.flow.definition), key)

  return {
    prepare,
    asUnfit,
    accept(prepared) {
      const { message, then, refused } = enter(prepared)
      return new Promise((resolve, reject) => {
        committer.accept(
          message,
          (at) => resolve(then(at)),
          (error) => {
            refused()
            options.events.refused(prepared.taker.flow.name, error.code)
            reject(error)
          },
        )
      })
    },
    add(prepared) {
      const { message, then } = enter(prepared)
      committer.add(message, then)
    },
    put(prepared, then) {
      const token = options.random.token(TOKEN_LENGTH)
      const { partition } = options.homes.ofNoKey()
      // Nothing that others handed over comes before it: it does not run.
      const given = { partition, ready: false, handOver: false, handedUpTo: Number.MAX_SAFE_INTEGER }
      committer.add(toMessage(prepared, token, given), (at) => {
        if (at.duplicateOf === null) options.fresh.add(at.seq)
        then(at)
      })
    },
  }
}

/** What is decided about a message when it is handed in. */
type Given = Pick<NewMessage, 'partition' | 'ready' | 'handOver' | 'handedUpTo'>

interface OwnCode {
  readonly key?: (body: unknown, source: { readonly headers: Headers }) => string | number | null | undefined
  readonly index?: Readonly<Record<string, (body: unknown) => string | number | null | undefined>>
  readonly dedupe?: (body: unknown, source: { readonly headers: Headers }) => string | undefined
}

function derived(
  taker: Taker,
  what: string,
  derive: () => string | number | null | undefined,
): string | null {
  try {
    const value = derive()
    return value === null || value === undefined ? null : String(value)
  } catch (cause) {
    throw new LinkspanError(
      'BODY_INVALID',
      `The ${what} of a message for the flow "${taker.flow.name}" could not be derived: ${String(cause)}. Check the source's schema, or let ${what} allow for such a body.`,
      { cause },
    )
  }
}

function indexOf(
  taker: Taker,
  fields: NonNullable<OwnCode['index']>,
  body: unknown,
): Readonly<Record<string, string>> | null {
  const values: Record<string, string> = {}
  for (const [name, of] of Object.entries(fields)) {
    const value = derived(taker, `index "${name}"`, () => of(body))
    if (value !== null) values[name] = value
  }
  return Object.keys(values).length === 0 ? null : values
}

function freshMessage(prepared: Prepared, partition: number, seq: number, id: string): Loaded {
  const { taker, key, headers, acceptedAt, body } = prepared
  return {
    seq,
    id,
    flow: taker.flow.name,
    key,
    headers,
    acceptedAt,
    codeVersion: taker.flow.codeVersion,
    body,
    parent: null,
    partition,
    names: {},
    entries: [],
    freshStarts: 0,
    interrupted: false,
    awaitedBy: null,
    nextFrame: 0,
    waits: false,
    holds: false,
  }
}
