import { type HttpReply, httpReply } from './reply.ts'
import { hasHeader, identityOf, type Sending } from './sending.ts'

/** Replies that may still hold, by what was asked. */
export interface KeptReplies {
  get(identity: string): HttpReply | undefined
  /** Keeps the reply, or forgets what was kept where this one is not to be. */
  put(identity: string, reply: HttpReply): void
}

const MOST_REPLIES = 1_000
const MOST_BYTES = 16 * 1024 * 1024

/** Keeps the replies that were used last, within a number and a size. */
export function createKeptReplies(
  mostReplies: number = MOST_REPLIES,
  mostBytes: number = MOST_BYTES,
): KeptReplies {
  /** The one that was used last is the last. */
  const kept = new Map<string, HttpReply>()
  let bytes = 0

  const forget = (identity: string): void => {
    bytes -= kept.get(identity)?.bytes.byteLength ?? 0
    kept.delete(identity)
  }

  return {
    get(identity) {
      const reply = kept.get(identity)
      if (reply === undefined) return undefined
      kept.delete(identity)
      kept.set(identity, reply)
      return reply
    },
    put(identity, reply) {
      forget(identity)
      if (!isKeepable(reply) || reply.bytes.byteLength > mostBytes) return
      kept.set(identity, owned(reply))
      bytes += reply.bytes.byteLength
      for (const [oldest] of kept) {
        if (kept.size <= mostReplies && bytes <= mostBytes) break
        forget(oldest)
      }
    },
  }
}

/**
 * Asks whether the reply that was kept still holds (RFC 9110, 13.1), and answers it with the headers of the 304 where it
 * does. A request that has such a condition of its own is left alone.
 */
export async function conditionally(
  kept: KeptReplies,
  sending: Sending,
  send: (sending: Sending) => Promise<HttpReply>,
): Promise<HttpReply> {
  if (hasHeader(sending, 'if-none-match') || hasHeader(sending, 'if-modified-since')) return send(sending)
  const identity = identityOf(sending)
  const former = kept.get(identity)
  const reply = await send(former === undefined ? sending : asking(sending, former))
  const present = reply.status === 304 && former !== undefined ? confirmed(former, reply) : reply
  // What failed says nothing of what is kept.
  if (present.status < 400) kept.put(identity, present)
  return present
}

/** The bytes of a reply lie in a piece of memory that is larger, which would be kept with them. */
function owned({ status, headers, bytes }: HttpReply): HttpReply {
  return httpReply(status, headers, Buffer.from(bytes))
}

function isKeepable(reply: HttpReply): boolean {
  if (reply.status !== 200) return false
  if (reply.header('etag') === undefined && reply.header('last-modified') === undefined) return false
  return !/(?:^|[,\s])no-store(?:$|[,\s])/i.test(reply.header('cache-control') ?? '')
}

/** A time of change is asked for only where there is no tag: the tag is the better witness, and servers look at it first. */
function asking(sending: Sending, former: HttpReply): Sending {
  const tag = former.header('etag')
  const condition =
    tag === undefined
      ? ['if-modified-since', former.header('last-modified') as string]
      : ['if-none-match', tag]
  return { ...sending, headers: [...sending.headers, ...condition] }
}

/** Those of the reply itself, which a 304 has none of (RFC 9111, 3.2). */
const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'transfer-encoding',
])

function confirmed(former: HttpReply, said: HttpReply): HttpReply {
  const newer = Object.entries(said.headers).filter(([name]) => !OF_THE_BODY.has(name))
  const { buffer, byteOffset, byteLength } = former.bytes
  return httpReply(
    former.status,
    { ...former.headers, ...Object.fromEntries(newer) },
    Buffer.from(buffer, byteOffset, byteLength),
  )
}
