import { LinkspanError } from '../../model/errors.ts'
import type { RedisReply } from './redis-package.ts'

/** An entry of a stream, as it was read. */
export interface Entry {
  readonly stream: string
  readonly id: string
  /** Names and values in their order; null where the entry was deleted while it was pending. */
  readonly fields: readonly (readonly [name: string, value: Buffer])[] | null
}

/** What `XREAD` and `XREADGROUP` answer; nothing where they waited in vain. */
export function entriesByStream(reply: RedisReply): readonly Entry[] {
  return listOf(reply ?? []).flatMap((each) => {
    const [stream, entries] = listOf(each)
    return entriesOf(String(stream), entries ?? [])
  })
}

/** What `XRANGE` and `XAUTOCLAIM` list. */
export function entriesOf(stream: string, reply: RedisReply): readonly Entry[] {
  return listOf(reply).flatMap((each) => {
    // Redis 6.2 lists what was deleted as null, without its id.
    if (each === null) return []
    const [id, fields] = listOf(each)
    return [{ stream, id: String(id), fields: fields === null ? null : pairsOf(fields ?? []) }]
  })
}

function pairsOf(reply: RedisReply): readonly (readonly [string, Buffer])[] {
  const flat = listOf(reply) as readonly (Buffer | string)[]
  const pairs: [string, Buffer][] = []
  for (let at = 0; at + 1 < flat.length; at += 2)
    pairs.push([String(flat[at]), Buffer.from(flat[at + 1] as Buffer)])
  return pairs
}

/** Names and values of `XINFO`, which come as one list. */
export function infoOf(reply: RedisReply): ReadonlyMap<string, RedisReply> {
  const flat = listOf(reply)
  const found = new Map<string, RedisReply>()
  for (let at = 0; at + 1 < flat.length; at += 2) found.set(String(flat[at]), flat[at + 1] ?? null)
  return found
}

/** A list that Redis answers. */
export function listOf(reply: RedisReply): readonly RedisReply[] {
  if (Array.isArray(reply)) return reply as readonly RedisReply[]
  throw new LinkspanError(
    'CALL_REPLY_INVALID',
    `Redis answered ${typeof reply} where a list was expected: this connector needs Redis 7.0 or later, or Valkey.`,
    { retry: 'later', applied: 'unknown' },
  )
}
