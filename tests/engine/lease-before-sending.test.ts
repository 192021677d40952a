import { type Flow, flow, inbox } from 'linkspan'
import { LinkspanError } from 'linkspan/connect'
import { simulated } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { changed } from '../faults/support.ts'
import { rig } from './rig.ts'

const TEN_TIMES = 10

it('withholds a request whose lease ran out while it waited, and makes it later as the same attempt', async () => {
  let leased = true
  const journal = changed(simulated(), ({ ownership }) => ({
    ownership: { ...ownership, holds: () => leased },
  }))
  const put = fakeOperation<string, undefined, { kind: 'none' }>('system.put', { kind: 'none' })
  let waits = 0
  // As a client does that has to wait for a free connection.
  const slow: typeof put = {
    ...put,
    run: async (client, input, call) => {
      waits += 1
      if (waits <= TEN_TIMES) leased = false
      if (!call.maySend())
        throw new LinkspanError('CALL_FAILED', 'Nothing was sent.', { retry: 'later', applied: 'no' })
      return put.run(client, input, call)
    },
  }
  const act = flow('act').from(inbox<string>()).to('put', slow, { onUnknown: 'inDoubt' })
  await using engine = await rig([act as Flow], { journal })
  const { id } = await engine.send(act, 'x')
  await engine.advance('1s')
  expect(put.requests).toEqual([])
  expect(await engine.states()).toEqual(['active'])
  for (let times = 0; times < TEN_TIMES; times++) {
    leased = true
    await engine.advance('1s')
  }
  expect(waits).toBe(TEN_TIMES + 1)
  expect(put.requests).toMatchObject([{ attempt: 1 }])
  expect(await engine.states()).toEqual(['done'])
  const { steps } = await engine.trace(id)
  expect(steps.flatMap(({ attempts }) => attempts)).toMatchObject([{ outcome: 'sent' }, { outcome: 'done' }])
})
