import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { fixed, retry } from '../model/policy.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { testFlow } from '../testing/test-flow.ts'

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
