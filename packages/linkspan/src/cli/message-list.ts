import type { AdminReader, MessageQuery, MessageState, MessageSummary } from '../index.ts'
import type { Column } from './output.ts'
import type { Tone } from './style.ts'
import { formatAge, formatTime } from './time.ts'

const TONES: Readonly<Record<MessageState, Tone | null>> = {
  active: null,
  waiting: 'warn',
  done: 'good',
  filtered: 'dim',
  dead: 'bad',
  inDoubt: 'bad',
  parked: 'warn',
  dropped: 'dim',
}

/** The colour of a state. */
export function stateTone(state: MessageState): Tone | null {
  return TONES[state]
}

/** The columns of a list of messages. */
export function messageColumns(now: number): readonly Column<MessageSummary>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'FLOW', value: ({ flow }) => flow, flexible: true },
    { title: 'KEY', value: ({ key }) => key ?? '', flexible: true },
    { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => stateTone(state) },
    { title: 'ACCEPTED', value: ({ acceptedAt }) => formatTime(acceptedAt) },
    { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), align: 'right' },
    { title: 'DETAIL', value: (message) => detail(message, now), flexible: true },
  ]
}

function detail({ reason, budget, waitsAt, wakeAt, error }: MessageSummary, now: number): string {
  const what = budget === undefined ? reason : `budget of ${budget}`
  const why = waitsAt === undefined ? what : `${what} at ${waitsAt}`
  const wait = why === null ? '' : wakeAt === null ? why : `${why} ${formatAge(wakeAt, now)}`
  const fault = error === null ? '' : `${error.code}: ${error.message}`
  return [wait, fault].filter((part) => part !== '').join(', ')
}

const PAGE = 500

/** Up to `limit` messages over as many pages as that takes, and where to go on. */
export async function collectMessages(
  admin: AdminReader,
  query: MessageQuery,
  limit: number,
): Promise<{ readonly items: readonly MessageSummary[]; readonly next: string | null }> {
  const items: MessageSummary[] = []
  let after: string | undefined = query.after
  for (;;) {
    const page = await admin.messages({
      ...query,
      limit: Math.min(PAGE, limit - items.length),
      ...(after === undefined ? {} : { after }),
    })
    items.push(...page.items)
    if (page.next === null || items.length >= limit) return { items, next: page.next }
    after = page.next
  }
}
