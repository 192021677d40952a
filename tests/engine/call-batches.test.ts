import { flow, inbox, LinkspanError, retry, fixed } from 'linkspan'
import type { BatchedCall, CallOutcome, ConnectionDeclaration, Operation } from 'linkspan/connect'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Item {
  readonly n: number
}

/** An operation on a system that takes ten calls in one request and answers after a second. */
function inserting(
  outcomeOf: (item: Item, request: number) => CallOutcome<void> = () => ({ result: undefined }),
) {
  const fake = fakeOperation<Item>('table.insert', { kind: 'key', validFor: '1d' })
  const requests: (readonly Item[])[] = []
  const marks: string[] = []
  let answer: (() => void)[] = []
  const run = async (_client: unknown, calls: readonly BatchedCall<Item>[]) => {
    requests.push(calls.map(({ input }) => input))
    marks.push(...calls.map(({ call }) => call.mark))
    await new Promise<void>((resolve) => answer.push(resolve))
    const request = requests.length
    return calls.map(({ input }) => outcomeOf(input, request))
  }
  const connection = fake.connection as ConnectionDeclaration
  const insert: Operation<Item, void> = {
    connection,
    name: 'insert',
    guarantee: { kind: 'key', validFor: '1d' },
    timeout: '10s',
    run: async () => {
      throw new Error('The engine makes these calls in batches.')
    },
    batch: { max: 10, run },
  }
  const answerAll = (): void => {
    for (const each of answer) each()
    answer = []
  }
  const rows = flow('rows', { onError: retry({ attempts: 3, backoff: fixed('1s') }) })
    .from(inbox<Item>())
    .to('insert', insert)
  return { rows, requests, marks, answerAll }
}

describe('an operation that takes several calls at once', () => {
  it('is given what many messages call, and each message has its own outcome', async () => {
    const refused = new LinkspanError('CALL_REJECTED', 'no such column', { retry: 'never', applied: 'no' })
    const { rows, requests, answerAll } = inserting(({ n }) =>
      n === 7 ? { error: refused } : { result: undefined },
    )
    await using world = await rig([rows])
    for (let n = 0; n < 35; n += 1) await world.send(rows, { n })
    for (let round = 0; round < 10; round += 1) {
      await world.advance('100ms')
      answerAll()
    }
    expect(
      requests
        .flat()
        .map(({ n }) => n)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 35 }, (_, n) => n))
    expect(requests.length).toBeLessThan(10)
    const states = await world.states()
    expect(states.filter((state) => state === 'dead')).toHaveLength(1)
    expect(states.filter((state) => state === 'done')).toHaveLength(34)
  })

  it('is given a call again under its key when the outcome was unknown, and the others not', async () => {
    const reset = new LinkspanError('CALL_FAILED', 'reset', { retry: 'later', applied: 'unknown' })
    const { rows, requests, marks, answerAll } = inserting(({ n }, request) =>
      n === 2 && request === 2 ? { error: reset } : { result: undefined },
    )
    await using world = await rig([rows])
    for (let n = 0; n < 4; n += 1) await world.send(rows, { n })
    for (let round = 0; round < 30; round += 1) {
      await world.advance('100ms')
      answerAll()
    }
    expect(requests.flat().filter(({ n }) => n === 2)).toHaveLength(2)
    expect(requests.flat()).toHaveLength(5)
    expect(new Set(marks).size).toBe(4)
    expect(await world.states()).toEqual(['done', 'done', 'done', 'done'])
  })

  it('has done nothing of a call whose time was over before a request could take it', async () => {
    const { rows, requests } = inserting()
    await using world = await rig([rows])
    const { id: taken } = await world.send(rows, { n: 1 })
    const { id: late } = await world.send(rows, { n: 2 })
    await world.advance('10500ms')
    const outcomes = async (id: string) =>
      (await world.trace(id)).steps.flatMap(({ attempts }) => attempts ?? []).map(({ outcome }) => outcome)
    expect(requests).toEqual([[{ n: 1 }]])
    expect(await outcomes(taken)).toEqual(['unknown'])
    expect(await outcomes(late)).toEqual(['failed'])
  })
})
