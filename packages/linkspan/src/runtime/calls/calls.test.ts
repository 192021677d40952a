import { describe, expect, it } from 'vitest'
import { flow } from '../../flow/flow.ts'
import { inbox } from '../../flow/inbox.ts'
import { fixed, retry } from '../../model/policy.ts'
import { fakeOperation } from '../../testing/fake-operation.ts'
import { testFlow } from '../../testing/test-flow.ts'

const keyed = { kind: 'key', validFor: '24h' } as const
const charging = (charge: ReturnType<typeof fakeOperation<{ total: number }>>) =>
  flow('pay', { onError: retry({ attempts: 6, backoff: fixed('1s') }) })
    .from(inbox<{ total: number }>())
    .to('charge', charge as never)

const marksOf = ({ requests }: { readonly requests: readonly { readonly mark: string }[] }): Set<string> =>
  new Set(requests.map(({ mark }) => mark))

describe('a call under a key', () => {
  it('keeps its key after a failure that says nothing of the attempt before', async () => {
    const charge = fakeOperation<{ total: number }>('bank.charge', keyed)
    charge.next('reset-after', 'unavailable', { retryAfter: '5s' })
    await using flows = await testFlow(charging(charge))
    await flows.send({ total: 7 })
    await flows.run()
    expect(charge.requests).toHaveLength(4)
    expect(marksOf(charge).size).toBe(1)
    expect(charge.effects).toHaveLength(1)
    expect(await flows.messages()).toMatchObject([{ state: 'done' }])
  })

  it('keeps its key when the attempt before was cut off by a crash', async () => {
    const charge = fakeOperation<{ total: number }>('bank.charge', keyed)
    charge.next('timeout-after', 'unavailable', { retryAfter: '5s' })
    await using flows = await testFlow(charging(charge))
    await flows.send({ total: 7 })
    await flows.advance('1s')
    flows.crash()
    await flows.restart()
    await flows.run()
    expect(charge.requests).toHaveLength(4)
    expect(marksOf(charge).size).toBe(1)
    expect(charge.effects).toHaveLength(1)
  })

  it('keeps the key of a later attempt that was cut off by a crash', async () => {
    const charge = fakeOperation<{ total: number }>('bank.charge', keyed)
    charge.next('unavailable', 'timeout-after', 'unavailable')
    await using flows = await testFlow(charging(charge))
    await flows.send({ total: 7 })
    await flows.advance('2s')
    flows.crash()
    await flows.restart()
    await flows.run()
    expect(charge.requests).toHaveLength(4)
    expect(marksOf(charge).size).toBe(2)
    expect(charge.effects).toHaveLength(1)
  })

  it('takes a new key after a failure that no earlier attempt casts doubt on', async () => {
    const charge = fakeOperation<{ total: number }>('bank.charge', keyed)
    charge.next('unavailable')
    await using flows = await testFlow(charging(charge))
    await flows.send({ total: 7 })
    await flows.run()
    expect(marksOf(charge).size).toBe(2)
    expect(charge.effects).toHaveLength(1)
  })
})

describe('a call that can be asked for', () => {
  const asked = { kind: 'verify', settleAfter: '1s' } as const

  it('is asked for again soon when the answer was lost, and ever later', async () => {
    const tell = fakeOperation<{ total: number }>('bank.tell', asked, { timeout: '1s' })
    tell.next('reset-after')
    tell.nextVerdict('unknown', 'unknown', 'unknown')
    await using flows = await testFlow(charging(tell as never))
    await flows.send({ total: 7 })
    await flows.advance('8s')
    expect(tell.questions).toBe(4)
    expect(tell.effects).toHaveLength(1)
    expect(await flows.messages()).toMatchObject([{ state: 'done' }])
  })

  it('is left to a person only after about an hour of asking', async () => {
    const tell = fakeOperation<{ total: number }>('bank.tell', asked, { timeout: '1s' })
    tell.next('reset-after')
    tell.nextVerdict(...Array.from({ length: 100 }, () => 'unknown' as const))
    await using flows = await testFlow(charging(tell as never))
    await flows.send({ total: 7 })
    await flows.advance('45m')
    expect(await flows.messages()).toMatchObject([{ state: 'waiting' }])
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ state: 'inDoubt' }])
  })
})
