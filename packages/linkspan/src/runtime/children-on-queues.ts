import type { Journal, NewMessage } from '../journal/journal.ts'
import { type Children, createChildren } from './children.ts'
import type { Committer } from './committer.ts'
import type { Events } from './events.ts'
import type { Live } from './live.ts'
import type { Loaded } from './loaded.ts'
import type { MessagePass } from './pass/pass.ts'
import type { FlowQueue } from './queue/flow-queue.ts'
import type { Work } from './queue/work.ts'

/** What children are made and run with. */
export interface ChildrenParts {
  readonly journal: Journal
  readonly committer: Committer
  readonly queues: ReadonlyMap<string, FlowQueue>
  readonly events: Events
  readonly live: () => Live
  readonly stopped: AbortSignal
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const PAGE = 256

/** Children that are committed with their parents' records and run on the queues of their flows. */
export function childrenOnQueues({
  journal,
  committer,
  queues,
  events,
  live,
  stopped,
  now,
}: ChildrenParts): Children {
  return createChildren({
    messages: journal.messages,
    aborted: stopped,
    now,
    start: (child, bytes) =>
      queues.get(child.flow)?.child(childWork(child, bytes, child.parent?.seq ?? null)),
    commit: (parent, made) => commitChildren(parent, made, { committer, events, live: live() }),
    async restart(parent) {
      const queue = queues.get(parent.flow)
      const open: number[] = []
      for (let after = 0; ; ) {
        const rows = await journal.backlog.pageOfParent(parent.seq, after, PAGE)
        for (const { seq, partition, bytes, attempt, reason, wakeAt } of rows) {
          if (reason === 'ready' || wakeAt === null)
            queue?.child({
              seq,
              key: null,
              partition,
              parent: parent.seq,
              bytes,
              loaded: null,
              wakeAt: null,
              attempt,
            })
          else queue?.due(wakeAt)
        }
        const last = rows.at(-1)
        if (!last) return open
        open.push(...rows.map(({ seq }) => seq))
        after = last.seq
      }
    },
  })
}

function commitChildren(
  parent: MessagePass,
  made: readonly NewMessage[],
  { committer, events, live }: { committer: Committer; events: Events; live: Live },
): Promise<readonly number[]> {
  const seqs: number[] = []
  live.save(parent)
  for (const message of made) {
    committer.add(message, ({ seq }) => {
      seqs.push(seq)
      events.accepted(message.flow, true)
    })
  }
  return committer.flush().then(() => seqs)
}

/** A child that was just committed, as its queue takes it. */
export function childWork(child: Loaded, bytes: number, parent: number | null): Work {
  const { seq, partition } = child
  return { seq, key: null, partition, parent, bytes, loaded: child, wakeAt: null, attempt: 0 }
}
