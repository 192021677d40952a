import { expect, it } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { createLendingOut, type Unfit } from './lending-out.ts'
import type { Loans } from './loans.ts'

function rigged(owned: boolean, answer: 'nobody' | 'abandoned' = 'nobody') {
  const clock = virtualClock()
  const story: string[] = []
  const loans = {
    stopped: false,
    isGuest: () => false,
    async lend() {
      story.push('lent')
      return answer
    },
  } as unknown as Loans
  const out = createLendingOut({
    clock,
    committer: { after: (then) => then() },
    messages: { load: async () => [] },
    loans,
    owns: () => owned,
    children: { ended: () => undefined },
    endStored: () => story.push('parked'),
  })
  const unfit = {
    work: { seq: 7, parent: null, attempt: 0 },
    slot: { release: () => undefined },
    loaded: { seq: 7, partition: 1, waits: true, awaitedBy: null, nextFrame: 0 },
    identity: 'orders',
    codeVersion: null,
    error: new LinkspanError('FLOW_UNKNOWN', 'not here'),
    path: '',
    cancelled: () => null,
    left: ({ kind }: { kind: string }) => void story.push(kind),
  } as unknown as Unfit
  return { clock, story, handOn: () => out.handOn(unfit, () => void story.push('parked')) }
}

it('lets go of no key of a partition that is on its way to another engine', async () => {
  const { clock, story, handOn } = rigged(false)
  handOn()
  await clock.settle()
  expect(story).toEqual([])
  await clock.advance('1s')
  expect(story).toEqual(['unstarted'])
})

it('begins anew, after a while, with a message of a flow that no engine has', async () => {
  const { clock, story, handOn } = rigged(true)
  handOn()
  await clock.settle()
  expect(story).toEqual(['lent'])
  await clock.advance('1s')
  expect(story).toEqual(['lent', 'unstarted'])
})
