import { createLink, createLinks, type Link, type LinkOptions } from './link.ts'
import type { StoreOptions } from './store-options.ts'

/** For what goes through much of the journal. */
export const LONG_MS: number = 15 * 60_000

/** The connections of one journal. */
export interface Links {
  readonly writer: Link
  readonly readers: Pick<Link, 'ask' | 'askPrepared' | 'drop'>
  /** For people's questions. */
  readonly people: Link
  /** For making, forgetting and dropping. */
  readonly keeper: Link
  /** For the beats of a member, which must not come late. */
  readonly beats: Link
  /** Makes one for a long piece of work; it is dropped after that. */
  readonly apart: () => Link
  readonly drop: () => Promise<void>
}

/** Makes them; each connects when it is first asked. */
export function makeLinks(options: StoreOptions, linkOptions: LinkOptions): Links {
  const writer = createLink(linkOptions)
  const readers = createLinks(options.readers, linkOptions)
  const people = createLink({ ...linkOptions, answerTimeoutMs: LONG_MS })
  const keeper = createLink({ ...linkOptions, answerTimeoutMs: LONG_MS })
  const beats = createLink({
    ...linkOptions,
    connectTimeoutMs: Math.min(linkOptions.connectTimeoutMs, options.leaseMs / 3),
    answerTimeoutMs: Math.min(linkOptions.answerTimeoutMs, options.leaseMs / 3),
  })
  const all = [writer, readers, people, keeper, beats]
  return {
    writer,
    readers,
    people,
    keeper,
    beats,
    apart: () => createLink({ ...linkOptions, answerTimeoutMs: 0, pipeline: false }),
    drop: async () => void (await Promise.all(all.map((link) => link.drop()))),
  }
}

/** The place as people know it: no user, no password. */
export function placeOf(url: string, schema: string): string {
  const name = schema.replaceAll('"', '')
  try {
    const { host, pathname } = new URL(url)
    return `${host}${decodeURIComponent(pathname)}, schema ${name}`
  } catch {
    return `the database of its URL, schema ${name}`
  }
}
