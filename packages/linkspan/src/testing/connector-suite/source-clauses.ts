import assert from 'node:assert/strict'
import type { TrialItem } from './rig.ts'
import {
  assertAll,
  assertOrder,
  type Clause,
  hasAll,
  items,
  payloads,
  sourceOf,
  systemOf,
  type Trial,
} from './trial.ts'
import { TROUBLE_NAMES, TROUBLES, type TroubleName } from './troubles.ts'

/** How far the clock goes on to see whether anything more comes. */
const A_WHILE_MS = 5_000

/** Waits until all are there, and a while longer for what should not come. */
async function allCome(
  trial: Trial,
  wanted: readonly TrialItem[],
  as = 'all items have come',
): Promise<void> {
  const { lives, time } = trial
  await time.until(as, () => hasAll(lives.got, wanted))
  await lives.rest()
  await time.pass(A_WHILE_MS)
}

/** Each once where the system tells one message from another, else at least once; in order where there is one. */
function assertCame(trial: Trial, wanted: readonly TrialItem[]): void {
  assertAll(trial.lives.got, wanted, { twice: !trial.has('identity') })
  if (trial.has('order')) assertOrder(trial.lives.got, wanted)
}

/** What a source promises, under an engine. */
export const sourceClauses: readonly Clause[] = [
  {
    name: 'a source hands in all that comes, unchanged, whatever characters and size it has',
    needs: ['source'],
    async run(trial) {
      const { lives } = trial
      const sent = payloads()
      await lives.begin()
      await sourceOf(trial).put(sent)
      await allCome(trial, sent)
      assertAll(lives.got, sent)
    },
  },
  {
    name: 'a source keeps the order of each key',
    needs: ['source', 'order'],
    async run(trial) {
      const { lives } = trial
      const sent = items(120, 5)
      await lives.begin()
      for (let at = 0; at < sent.length; at += 40) await sourceOf(trial).put(sent.slice(at, at + 40))
      await allCome(trial, sent)
      assertAll(lives.got, sent)
      assertOrder(lives.got, sent)
    },
  },
  {
    name: 'a source gets what came while nothing ran, and nothing again that it had before',
    needs: ['source', 'backlog'],
    async run(trial) {
      const { lives } = trial
      const first = items(6)
      const second = items(6)
      await lives.begin()
      await sourceOf(trial).put(first)
      await allCome(trial, first)
      await lives.stop()
      await sourceOf(trial).put(second)
      await lives.begin()
      await allCome(trial, second)
      assertAll(lives.got, [...first, ...second])
    },
  },
  {
    name: 'nothing is lost when the engine dies before it has committed what a source hands in',
    needs: ['source', 'backlog'],
    async run(trial) {
      const { lives } = trial
      const sent = items(9)
      await lives.begin()
      lives.nextAccept('dies-before')
      await sourceOf(trial).put(sent)
      await lives.died()
      await lives.begin()
      await allCome(trial, sent)
      assertAll(lives.got, sent)
      if (trial.has('order')) assertOrder(lives.got, sent)
    },
  },
  {
    name: 'what was committed and not acknowledged comes again and is known, or at least is not lost',
    needs: ['source', 'backlog'],
    async run(trial) {
      const { lives } = trial
      const sent = items(9)
      await lives.begin()
      lives.nextAccept('dies-after')
      await sourceOf(trial).put(sent)
      await lives.died()
      await lives.begin()
      await allCome(trial, sent)
      assertCame(trial, sent)
    },
  },
  {
    name: 'what the system delivers again is not accepted again',
    needs: ['source', 'redelivery', 'identity'],
    async run(trial) {
      const { lives } = trial
      const source = sourceOf(trial)
      const first = items(6)
      const second = items(3)
      await lives.begin()
      await source.put(first)
      await allCome(trial, first)
      await source.redeliver?.()
      await source.put(second)
      await allCome(trial, second)
      assertAll(lives.got, [...first, ...second])
    },
  },
  {
    name: 'a source that the engine has no room for waits, and loses and repeats nothing',
    needs: ['source', 'backlog'],
    async run(trial) {
      const { lives } = trial
      const sent = items(9)
      await lives.begin()
      lives.refuse(3)
      await sourceOf(trial).put(sent)
      await allCome(trial, sent)
      assert.ok(lives.refusals > 0, 'the source was refused')
      assertCame(trial, sent)
    },
  },
  {
    name: 'a source that has stopped hands in nothing more',
    needs: ['source', 'backlog'],
    async run(trial) {
      const { lives, time } = trial
      const first = items(3)
      const second = items(3)
      await lives.begin()
      await sourceOf(trial).put(first)
      await allCome(trial, first)
      await lives.stop()
      await sourceOf(trial).put(second)
      await time.pass(A_WHILE_MS)
      assert.equal(lives.late, 0, 'messages that were handed in after stop()')
      assertAll(lives.got, first)
    },
  },
  {
    name: 'a source stops while its system does not answer',
    needs: ['source', 'freeze'],
    async run(trial) {
      const { lives, time } = trial
      const system = systemOf(trial)
      const sent = items(3)
      await lives.begin()
      await sourceOf(trial).put(sent)
      await allCome(trial, sent)
      await system.freeze()
      await time.pass(A_WHILE_MS)
      await lives.stop()
      await system.thaw()
      assert.equal(lives.late, 0, 'messages that were handed in after stop()')
    },
  },
  {
    name: 'what cannot be read ends as a dead letter, and holds up nothing behind it',
    needs: ['source', 'unreadable'],
    async run(trial) {
      const { lives, time } = trial
      const source = sourceOf(trial)
      const sent = items(6, 1)
      await lives.begin()
      await source.put(sent.slice(0, 3))
      await source.putUnreadable?.()
      await source.put(sent.slice(3))
      await allCome(trial, sent)
      assertAll(lives.got, sent)
      await time.until('one message is a dead letter', async () => (await deadLetters(trial)) === 1)
    },
  },
  ...TROUBLE_NAMES.map(goesOn),
]

async function deadLetters({ lives }: Trial): Promise<number> {
  const found = await lives.world.life?.admin.messages({ states: ['dead'] })
  return found?.items.length ?? 0
}

/** A source goes on by itself. */
function goesOn(trouble: TroubleName): Clause {
  const { after, begin, end } = TROUBLES[trouble]
  return {
    name: `a source goes on by itself ${after}, and loses nothing`,
    needs: ['source', trouble, ...(trouble === 'slow' ? [] : (['backlog'] as const))],
    async run(trial) {
      const { lives, time } = trial
      const first = items(6)
      const second = items(6)
      await lives.begin()
      await sourceOf(trial).put(first)
      await allCome(trial, first)
      await begin(trial)
      await time.pass(A_WHILE_MS)
      await end(trial)
      await sourceOf(trial).put(second)
      await allCome(trial, second, `all items have come ${after}`)
      assertCame(trial, [...first, ...second])
    },
  }
}
