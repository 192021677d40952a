import { exit, memoryUsage } from 'node:process'
import type { Engine } from 'linkspan'

/** What an engine's process tells its parent. */
export interface Told {
  /** Items that it has finished. */
  readonly done: number
  /** Messages that it was sent and has accepted, those of all processes before it included. */
  readonly sent?: number
  readonly rss: number
  readonly heap: number
  /** Messages that are done, and that ended otherwise, by what the journal has. */
  readonly ended: number
  readonly dead: number
}

const EVERY_MS = 100

/** Tells the parent of this process how far it is; ends when the parent is gone. */
export function tellParent(engine: Engine, more: () => Pick<Told, 'done' | 'sent'>): void {
  process.on('disconnect', () => exit(1))
  setInterval(async () => {
    const { messages } = await engine.admin.status()
    const { rss, heapUsed } = memoryUsage()
    const told: Told = {
      ...more(),
      rss,
      heap: heapUsed,
      ended: messages.done,
      dead: messages.dead + messages.inDoubt + messages.parked,
    }
    process.send?.(told)
  }, EVERY_MS)
}
