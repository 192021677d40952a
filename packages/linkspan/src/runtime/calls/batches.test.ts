import { describe, expect, it } from 'vitest'
import type { BatchedCall, CallBatch, CallContext, CallOutcome } from '../../connect/connector.ts'
import { type Batched, createBatches } from './batches.ts'

interface Request {
  readonly client: unknown
  readonly inputs: readonly unknown[]
  answer(outcomes?: readonly CallOutcome<unknown>[]): void
  fail(error: unknown): void
}

type Call = CallContext & { unsent: boolean; abort(): void }

function callOf(maySend = true): Call {
  let aborted = (): void => undefined
  return {
    unsent: false,
    maySend: () => maySend,
    onAbort: (run: () => void) => {
      aborted = run
      return () => undefined
    },
    abort: () => aborted(),
  } as unknown as Call
}

/** Batches of one operation, whose turns end when the test says so. */
function batchesOf(limits: Partial<CallBatch<unknown, unknown>> = {}) {
  const requests: Request[] = []
  const deferred: (() => void)[] = []
  const run = (client: unknown, calls: readonly BatchedCall<unknown>[]) =>
    new Promise<readonly CallOutcome<unknown>[]>((resolve, reject) => {
      const inputs = calls.map(({ input }) => input)
      const all = inputs.map((input) => ({ result: `${input}!` }))
      requests.push({ client, inputs, answer: (outcomes = all) => resolve(outcomes), fail: reject })
    })
  const operation = {
    connection: { name: 'broker' },
    name: 'produce',
    batch: { max: 3, run, ...limits },
  } as unknown as Batched
  const batches = createBatches({ defer: (turn) => void deferred.push(turn) })
  const turn = async (): Promise<void> => {
    for (let tick = 0; tick < 5; tick += 1) await Promise.resolve()
    for (const each of deferred.splice(0)) each()
    for (let tick = 0; tick < 5; tick += 1) await Promise.resolve()
  }
  const call = (input: unknown, context: Call = callOf(), client: unknown = 'client') => {
    const outcome = batches.run(operation, client, input, context).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    )
    return Object.assign(outcome, { context })
  }
  return { requests, turn, call, sent: () => requests.map(({ inputs }) => inputs) }
}

describe('calls of an operation that takes several', () => {
  it('go together when they are made in one turn, or while a request is under way, and each has its own answer', async () => {
    const { requests, turn, call, sent } = batchesOf()
    const first = [call('a'), call('b')]
    await turn()
    const later = [call('c'), call('d')]
    await turn()
    expect(sent()).toEqual([['a', 'b']])
    requests[0]?.answer([{ result: 1 }, { error: 'no' }])
    expect(await Promise.all(first)).toEqual([{ result: 1 }, { error: 'no' }])
    await turn()
    expect(sent()).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    requests[1]?.fail('reset')
    expect(await Promise.all(later)).toEqual([{ error: 'reset' }, { error: 'reset' }])
  })

  it('are no more in a request than it takes, by number and by weight; a heavy one goes alone', async () => {
    const { requests, turn, call, sent } = batchesOf({
      maxSize: 10,
      sizeOf: (input) => Number(input),
    })
    for (const weight of [1, 2, 3, 4, 6, 5, 99, 1]) call(weight)
    for (let nth = 0; nth < 5; nth += 1) {
      await turn()
      requests[nth]?.answer()
    }
    await turn()
    expect(sent()).toEqual([[1, 2, 3], [4, 6], [5], [99], [1]])
  })

  it('go in several requests at once where that is allowed', async () => {
    const { turn, call, sent } = batchesOf({ max: 1, inFlight: 2 })
    for (const input of ['a', 'b', 'c']) call(input)
    await turn()
    await turn()
    await turn()
    expect(sent()).toEqual([['a'], ['b']])
  })

  it('are not sent once they were given up, and are known to be unsent until they leave', async () => {
    const { requests, turn, call, sent } = batchesOf({ max: 1 })
    const first = call('a')
    await turn()
    expect(first.context.unsent).toBe(false)
    const [given, last] = [call('b'), call('c')]
    expect(given.context.unsent).toBe(true)
    given.context.abort()
    requests[0]?.answer()
    await turn()
    await turn()
    expect(sent()).toEqual([['a'], ['c']])
    expect(last.context.unsent).toBe(false)
  })

  it('stay behind when the engine may not send, and say that nothing was done', async () => {
    const { turn, call, sent } = batchesOf()
    const [withheld] = [call('a', callOf(false)), call('b')]
    await turn()
    expect(sent()).toEqual([['b']])
    expect(await withheld).toMatchObject({ error: { applied: 'no', retry: 'later' } })
    expect(withheld?.context.unsent).toBe(true)
  })

  it('are unknown where the operation answers fewer outcomes', async () => {
    const { requests, turn, call } = batchesOf()
    const calls = [call('a'), call('b')]
    await turn()
    requests[0]?.answer([{ result: 1 }])
    expect(await Promise.all(calls)).toMatchObject([
      { result: 1 },
      { error: { code: 'CALL_UNKNOWN_OUTCOME', applied: 'unknown' } },
    ])
  })

  it('gather anew for a client that was made anew, though a request of the old one never ends', async () => {
    const { turn, call, requests } = batchesOf()
    call('a', callOf(), 'old')
    await turn()
    call('b', callOf(), 'new')
    await turn()
    expect(requests.map(({ client, inputs }) => [client, inputs])).toEqual([
      ['old', ['a']],
      ['new', ['b']],
    ])
  })
})
