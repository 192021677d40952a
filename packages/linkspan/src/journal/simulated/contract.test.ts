import { test } from 'vitest'
import type { JournalRig, SharedJournalRig } from '../../testing/test-journal.ts'
import { testJournal } from '../../testing/test-journal.ts'
import { virtualClock } from '../../testing/virtual-clock.ts'
import type { JournalEnvironment } from '../journal.ts'
import { type SimulatedOptions, simulated } from './simulated.ts'

const LEASE_MS = 10_000

/** A rig whose engines' clocks stand still; a crash lets time pass in the journal until the leases have run out. */
function rigOf(options: SimulatedOptions): JournalRig {
  const now = (): number => 1_000_000
  let passed = 0
  const factory = simulated({ ...options, lease: LEASE_MS, clock: { now: () => passed } })
  return {
    factory,
    environment: {
      directory: '/nowhere',
      clock: { now, monotonic: now, timer: () => () => {}, defer: (run) => queueMicrotask(run) },
      logger: { log: () => {} },
    },
    crash: async () => {
      factory.crash()
      passed += LEASE_MS
    },
    dispose: async () => {},
  }
}

/** A rig of engines that share a journal, in one virtual time. */
function sharedRig(partitions: number): SharedJournalRig {
  const clock = virtualClock()
  const factory = simulated({ partitions, lease: LEASE_MS, clock })
  const environment: JournalEnvironment = {
    directory: '/nowhere',
    clock: { ...clock, defer: (run) => queueMicrotask(run) },
    logger: { log: () => {} },
  }
  return {
    partitions,
    join: async (flows, formerNames) => {
      const journal = await factory.open({
        ...environment,
        ...(flows === undefined ? {} : { flows }),
        ...(formerNames === undefined ? {} : { formerNames }),
      })
      const { member } = journal.ownership
      return {
        journal,
        crash: async () => factory.crash(member),
        pause: async () => factory.pause(member),
        wake: async () => factory.wake(member),
      }
    },
    read: () => factory.openForReading(environment),
    joinWith: (count) => {
      const other = simulated({ partitions: count, lease: LEASE_MS, clock })
      other.restore(factory.snapshot())
      return other.open(environment)
    },
    until: async (isSo) => {
      for (let steps = 0; steps < 1000; steps += 1) {
        if (await isSo()) return
        await clock.advance(LEASE_MS / 100)
      }
      throw new Error('It did not become so within ten leases.')
    },
    dispose: async () => factory.crash(),
  }
}

testJournal(test, {
  name: 'simulated',
  make: async () => rigOf({}),
  makeShared: async () => sharedRig(7),
})

testJournal(test, { name: 'simulated, one engine of several', make: async () => rigOf({ partitions: 4 }) })
