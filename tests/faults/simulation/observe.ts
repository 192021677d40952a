import type { EngineStatus, Json, MessageSummary } from 'linkspan'
import type { Life } from './engines.ts'
import type { Sent } from './sender.ts'

/** What an engine says of itself when all is over. */
export interface Observation {
  readonly status: Pick<EngineStatus, 'messages' | 'children'>
  /** All messages, children among them, in the order of acceptance. */
  readonly messages: readonly MessageSummary[]
  /** The ids of messages whose sender knows none, found by the number that their flow was asked to index. */
  readonly byNumber: ReadonlyMap<number, readonly string[]>
  /** The replies that are kept, by id. */
  readonly replies: ReadonlyMap<string, Json | undefined>
}

const PAGE = 500

/** Asks an engine, through its administration only. */
export async function observe({ engine: { admin } }: Life, sent: readonly Sent[]): Promise<Observation> {
  const messages: MessageSummary[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<typeof admin.messages>> = await admin.messages({
      children: true,
      order: 'oldest',
      limit: PAGE,
      ...(after === '' ? {} : { after }),
    })
    messages.push(...page.items)
    after = page.next
  }
  const byNumber = new Map<number, readonly string[]>()
  const replies = new Map<string, Json | undefined>()
  for (const { n, flow, ids: known } of sent) {
    if (known.size > 0 && flow !== 'ask') continue
    const { items } = await admin.messages({ flow, index: { n: String(n) }, limit: PAGE })
    const ids = items.map(({ id }) => id)
    byNumber.set(n, ids)
    if (flow === 'ask') for (const id of ids) replies.set(id, (await admin.reply(id))?.reply)
  }
  return { status: await admin.status(), messages, byNumber, replies }
}
