import { testBacklog } from './journal-suite/backlog.ts'
import type { SharedJournalRig } from './journal-suite/engines.ts'
import { type Declare, type DeclareTest, type JournalRig, openOwner } from './journal-suite/harness.ts'
import { testHistory } from './journal-suite/history.ts'
import { testLives } from './journal-suite/lives.ts'
import { testSharing } from './journal-suite/sharing.ts'
import { testWriting } from './journal-suite/writing.ts'

export type { RigEngine, SharedJournalRig } from './journal-suite/engines.ts'
export type { DeclareTest, JournalRig } from './journal-suite/harness.ts'

/** A journal to hold to its contract. */
export interface JournalUnderTest {
  readonly name: string
  /** Makes a fresh one for each test. */
  readonly make: () => Promise<JournalRig>
  /** Makes a fresh one that several engines can share, if this kind of journal can be shared. */
  readonly makeShared?: () => Promise<SharedJournalRig>
}

/**
 * The contract of a journal as tests: everything that `Journal` promises, for any implementation and any test runner.
 * With `makeShared` also what `Ownership` promises where several engines share it: these tests open it several times,
 * crash and pause some of the engines, and wait for leases to run out.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { type JournalRig, testJournal } from 'linkspan/testing'
 * declare function rigOfMine(): Promise<JournalRig>
 * testJournal(test, { name: 'mine', make: async () => rigOfMine() })
 * ```
 */
export function testJournal(test: DeclareTest, { name, make, makeShared }: JournalUnderTest): void {
  const declare: Declare = (what, run) => {
    test(`${name}: ${what}`, async () => {
      const rig = await make()
      const owner = await openOwner(rig)
      try {
        await run(owner, rig)
      } finally {
        await owner.journal.close()
        await rig.dispose()
      }
    })
  }
  testWriting(declare)
  testBacklog(declare)
  testHistory(declare)
  testLives(declare)
  if (makeShared === undefined) return
  testSharing((what, run) => {
    test(`${name}, shared: ${what}`, async () => {
      const rig = await makeShared()
      try {
        await run(rig)
      } finally {
        await rig.dispose()
      }
    })
  })
}
