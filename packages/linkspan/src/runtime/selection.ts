import type { HistoryQuery, HistoryReader, MessageReader, StoredMessage, Trust } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import { ENDINGS, type Ending, type MessageState } from '../model/message.ts'
import type { MessageQuery, Selection } from './admin-api.ts'

const PAGE = 200
const DEFAULT_LIMIT = 50
const MAX_LIMIT = 1_000

/** The messages of a selection, read in pages, the oldest first. Throws `MESSAGE_UNKNOWN` for an id that is not there. */
export async function* selected(
  selection: Selection,
  { messages, history }: { readonly messages: MessageReader; readonly history: HistoryReader },
): AsyncGenerator<StoredMessage> {
  if ('ids' in selection) {
    for (const id of selection.ids) yield await findMessage(messages, id)
    return
  }
  const query = { ...toHistoryQuery(selection.query), order: 'oldest' as const, limit: PAGE }
  for (let beyond: number | undefined; ; ) {
    const page = await history.query(beyond === undefined ? query : { ...query, beyond })
    yield* page
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    beyond = last.seq
  }
}

/** The message with an id. Throws `MESSAGE_UNKNOWN`. */
export async function findMessage(messages: MessageReader, id: string): Promise<StoredMessage> {
  const stored = await messages.find(id)
  if (stored) return stored
  throw new LinkspanError(
    'MESSAGE_UNKNOWN',
    `There is no message ${id}. Its history may be over, or the id is mistyped.`,
    { details: { id } },
  )
}

/** The message at a place. Throws `MESSAGE_UNKNOWN` when there is none any more. */
export async function messageAt(messages: MessageReader, seq: number, trust?: Trust): Promise<StoredMessage> {
  const [stored] = await messages.load([seq], trust)
  if (stored) return stored
  throw new LinkspanError('MESSAGE_UNKNOWN', 'The message has been forgotten meanwhile.')
}

/** A query of a person as one of the journal. Throws `CONFIG_INVALID` for what it cannot be. */
export function toHistoryQuery(query: MessageQuery): HistoryQuery {
  const { flow, key, states, since, until, index, children, order, limit, after } = query
  return {
    ...defined({ flow, key, since, until, index, order }),
    ...statesOf(states),
    rootsOnly: !(children ?? false),
    limit: Math.min(Math.max(1, limit ?? DEFAULT_LIMIT), MAX_LIMIT),
    ...(after === undefined ? {} : { beyond: placeOf(after) }),
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}

function statesOf(states: readonly MessageState[] | undefined): Pick<HistoryQuery, 'endings' | 'live'> {
  if (states === undefined || states.length === 0) return {}
  const endings = states.filter((state): state is Ending => (ENDINGS as readonly string[]).includes(state))
  const live = states.length > endings.length
  if (live && endings.length > 0)
    throw new LinkspanError(
      'CONFIG_INVALID',
      'Ask for live messages (active, waiting) or for ended ones, not for both at once.',
    )
  return live ? { live } : { endings }
}

function placeOf(after: string): number {
  const place = Number.parseInt(after, 36)
  if (Number.isSafeInteger(place)) return place
  throw new LinkspanError('CONFIG_INVALID', `"${after}" is not the "next" of a page.`)
}

/** The `next` of a page that ends with a place. */
export function nextOf(place: number): string {
  return place.toString(36)
}
