import { setTimeout as sleep } from 'node:timers/promises'
import type { Journal, JournalEnvironment } from '../../../packages/linkspan/src/journal/journal.ts'
import { type PostgresOptions, postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import type { CancelTimer, Clock } from '../../../packages/linkspan/src/model/outside.ts'
import type { RigEngine, SharedJournalRig } from '../../../packages/linkspan/src/testing/test-journal.ts'
import { ask, freshEnvironment } from './rig.ts'

/** The time of this machine, whose timers can be stopped as those of a process that is stopped. */
export interface StoppableClock extends Clock {
  stop(): void
  /** Lets go what came due meanwhile. */
  go(): void
}

export function stoppableClock(): StoppableClock {
  const held = new Set<() => void>()
  let stopped = false
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    timer: (afterMs, run): CancelTimer => {
      const due = (): void => {
        if (stopped) held.add(run)
        else run()
      }
      const timeout = setTimeout(due, afterMs)
      return () => {
        clearTimeout(timeout)
        held.delete(run)
      }
    },
    defer: (run) => void setImmediate(run),
    stop: () => {
      stopped = true
    },
    go: () => {
      stopped = false
      for (const run of [...held]) run()
      held.clear()
    },
  }
}

/** Asks again and again until it is so, for so long at most. */
export async function until(isSo: () => boolean | Promise<boolean>, mostMs = 15_000): Promise<void> {
  const end = performance.now() + mostMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`It is not so after ${mostMs} ms: ${isSo}`)
    await sleep(10)
  }
}

let schemas = 0

/** A journal in a schema of its own that several engines of this process share, with the shortest lease. */
export function sharedPostgresRig(
  url: string,
  partitions: number,
  options: Partial<PostgresOptions> = {},
): SharedJournalRig & { readonly schema: string; readonly lines: readonly unknown[] } {
  schemas += 1
  const schema = `shared_${schemas}`
  const { environment, lines, remove } = freshEnvironment()
  const opened: Journal[] = []
  const open = async (parts: Partial<JournalEnvironment>, more: Partial<PostgresOptions> = {}) => {
    const factory = postgres({ url, schema, lease: '1s', partitions, ...options, ...more })
    const journal = await factory.open({ ...environment, ...parts })
    opened.push(journal)
    return journal
  }
  return {
    schema,
    lines,
    partitions,
    join: async (flows, formerNames): Promise<RigEngine> => {
      const clock = stoppableClock()
      const journal = await open({
        clock,
        ...(flows === undefined ? {} : { flows }),
        ...(formerNames === undefined ? {} : { formerNames }),
      })
      return {
        journal,
        crash: async () => clock.stop(),
        pause: async () => clock.stop(),
        wake: async () => clock.go(),
      }
    },
    read: async () => {
      const journal = await postgres({ url, schema }).openForReading(environment)
      opened.push(journal)
      return journal
    },
    joinWith: (other) => open({ clock: stoppableClock() }, { partitions: other }),
    until,
    dispose: async () => {
      for (const journal of opened) await journal.close()
      remove()
      await ask(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    },
  }
}
