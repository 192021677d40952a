import type { HistoryReader, StoredMessage } from '../journal/journal.ts'
import type { MessageSummary } from '../model/message.ts'
import type { CauseGroup, Causes } from './admin-api.ts'
import { readableRecord } from './loaded.ts'
import { summaryOf } from './summary.ts'

const PAGE = 200
const MOST = 10_000
const LONGEST_CAUSE = 300
const OPERATION = /^[a-z][a-z-]*\.[a-z][a-z -]*$/i

/** What wants a person. */
const ENDINGS = ['dead', 'inDoubt', 'parked'] as const

/**
 * The messages that want a person, grouped by flow, ending, step and cause, the largest group first. Reads the newest
 * `most` and says when there are more.
 */
export async function causesOf(history: HistoryReader, most: number = MOST): Promise<Causes> {
  const groups = new Map<string, Growing>()
  let read = 0
  for (let beyond: number | undefined; ; ) {
    const page = await history.query({
      endings: ENDINGS,
      rootsOnly: false,
      order: 'newest',
      limit: Math.min(PAGE, most + 1 - read),
      ...(beyond === undefined ? {} : { beyond }),
    })
    for (const stored of page.slice(0, most - read)) add(groups, stored)
    read += page.length
    const last = page.at(-1)
    if (read > most || last === undefined || page.length < PAGE) break
    beyond = last.seq
  }
  const found = [...groups.values()].toSorted((a, b) => b.ids.length - a.ids.length || b.last - a.last)
  return { groups: found.map(({ ids, ...rest }) => ({ ...rest, count: ids.length, ids })), more: read > most }
}

type Growing = { -readonly [Field in keyof Omit<CauseGroup, 'count' | 'ids'>]: CauseGroup[Field] } & {
  readonly ids: string[]
}

function add(groups: Map<string, Growing>, stored: StoredMessage): void {
  const read = readableRecord(stored)
  const sample = summaryOf(stored, false, read)
  const end = read.entries.findLast((entry) => entry.t === 'end')
  const step = end?.t === 'end' ? end.p : ''
  const at = sample.endedAt ?? sample.acceptedAt
  const about = { flow: sample.flow, state: sample.state, step, code: codeOf(sample), cause: causeOf(sample) }
  const key = JSON.stringify(Object.values(about))
  const group = groups.get(key) ?? { ...about, first: at, last: at, sample, ids: [] }
  groups.set(key, group)
  group.ids.push(sample.id)
  group.first = Math.min(group.first, at)
  if (at > group.last) Object.assign(group, { last: at, sample })
}

function codeOf({ error }: MessageSummary): CauseGroup['code'] {
  return error?.code ?? null
}

function causeOf({ error }: MessageSummary): string {
  return error === null ? '' : normalisedCause(error.message)
}

/**
 * A message for people without what differs from case to case: quoted values, ids, addresses and numbers become `…`. The
 * quoted name of an operation stays. `Customer 17 is unknown to "crm-2".` becomes `Customer … is unknown to "…".`
 */
export function normalisedCause(message: string): string {
  return message
    .slice(0, 4 * LONGEST_CAUSE)
    .replace(/"([^"\n]*)"/g, (quoted, text: string) => (OPERATION.test(text) ? quoted : '"…"'))
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '…')
    .replace(/\b(?=\w*\d)[\w-]*\d[\w-]*\b/g, '…')
    .replace(/…(?:[.:,]…)+/g, '…')
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_CAUSE)
    .trim()
}
