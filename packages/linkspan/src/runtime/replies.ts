import type { Json } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'

/** What a waiting caller is told: the reply, or that the message ended without one. */
export type Reply = { readonly reply: Json } | null

type Waiter = (reply: Reply) => void

/** Callers in this process that wait for the reply of a message. */
export interface Replies {
  /** Resolves with the reply, or with `undefined` when the time is up or the caller went away. */
  wait(id: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Reply | undefined>
  /** Tells those who wait; called after the commit. */
  tell(id: string, reply: Reply): void
  waitsFor(id: string): boolean
  readonly waiting: number
}

/** Makes the waiting room. */
export function createReplies(clock: Clock): Replies {
  const waiters = new Map<string, Set<Waiter>>()

  const leave = (id: string, waiter: Waiter): void => {
    const present = waiters.get(id)
    if (present?.delete(waiter) && present.size === 0) waiters.delete(id)
  }

  return {
    get waiting() {
      return waiters.size
    },
    waitsFor: (id) => waiters.has(id),
    tell(id, reply) {
      const present = waiters.get(id)
      waiters.delete(id)
      for (const waiter of present ?? []) waiter(reply)
    },
    wait(id, timeoutMs, signal) {
      return new Promise((resolve) => {
        const end = (reply: Reply | undefined): void => {
          cancel()
          signal?.removeEventListener('abort', abort)
          leave(id, end)
          resolve(reply)
        }
        const abort = (): void => end(undefined)
        const cancel = clock.timer(timeoutMs, () => end(undefined))
        signal?.addEventListener('abort', abort, { once: true })
        const present = waiters.get(id)
        if (present) present.add(end)
        else waiters.set(id, new Set([end]))
      })
    },
  }
}
