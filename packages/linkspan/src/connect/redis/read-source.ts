import { acceptWhenRoom } from '../accept.ts'
import type { RunningSource, SourceContext } from '../connector.ts'
import { entriesByStream, infoOf } from './entry.ts'
import { type Beginning, startOf } from './group-source.ts'
import { incomingOf, type ReadingOptions } from './incoming.ts'
import type { Link } from './link.ts'
import { runReader } from './reader.ts'

/** A source without a group, with its options read. */
export interface ReadSettings extends ReadingOptions {
  readonly streams: readonly string[]
  readonly from: Beginning
  readonly batch: number
}

/** The entry behind which reading goes on, by stream. */
type Places = Readonly<Record<string, string>>

const BLOCK_MS = 5_000

/** Reads behind its place, which is committed with the messages that it covers. */
export function startReadSource(settings: ReadSettings, context: SourceContext): Promise<RunningSource> {
  const { streams, batch } = settings
  let places: Places = {}
  return runReader(context, `reading ${streams.map((stream) => `"${stream}"`).join(', ')}`, {
    begin: async (link) => {
      const kept = placesOf(await context.cursor())
      places = { ...(await beginnings(link, settings, kept)), ...kept }
      // Else what is added until the first message came would be left out after a crash.
      if (streams.some((stream) => kept[stream] === undefined))
        await context.accept([], JSON.stringify(places))
    },
    read: async (link, signal) => {
      while (!signal.aborted) {
        const command = [
          ...['XREAD', 'COUNT', String(batch), 'BLOCK', String(BLOCK_MS)],
          ...['STREAMS', ...streams, ...streams.map((stream) => places[stream] ?? '0-0')],
        ]
        const entries = entriesByStream(await link.send(command, BLOCK_MS))
        if (entries.length === 0) continue
        const next = { ...places, ...Object.fromEntries(entries.map(({ stream, id }) => [stream, id])) }
        const messages = entries.map((entry) => incomingOf(entry, settings, 'read', 1))
        if (!(await acceptWhenRoom(context, signal, messages, JSON.stringify(next)))) return
        places = next
      }
    },
  })
}

function placesOf(cursor: string | null): Places {
  return cursor === null ? {} : (JSON.parse(cursor) as Places)
}

async function beginnings(link: Link, { streams, from }: ReadSettings, kept: Places): Promise<Places> {
  const found: Record<string, string> = {}
  for (const stream of streams)
    if (kept[stream] === undefined)
      found[stream] = from === 'latest' ? await lastOf(link, stream) : startOf(from)
  return found
}

/** The last entry that was ever added; of a stream that is not there yet all is new. */
async function lastOf(link: Link, stream: string): Promise<string> {
  try {
    return String(infoOf(await link.send(['XINFO', 'STREAM', stream])).get('last-generated-id'))
  } catch (error) {
    if (error instanceof Error && /no such key/.test(error.message)) return '0-0'
    throw error
  }
}
