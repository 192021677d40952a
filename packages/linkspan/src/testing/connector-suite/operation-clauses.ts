import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { CallOutcome, Operation, Verdict } from '../../connect/connector.ts'
import type { LinkspanError } from '../../model/errors.ts'
import type { TrialItem } from './rig.ts'
import {
  assertAll,
  assertOrder,
  attempt,
  type Clause,
  errorOf,
  items,
  type MadeCall,
  makeCall,
  operationOf,
  payloads,
  resultOf,
  steering,
  systemOf,
  type Trial,
} from './trial.ts'
import { TROUBLE_NAMES, TROUBLES, type TroubleName } from './troubles.ts'

type AnyOperation = Operation<unknown, unknown>

const operation = (trial: Trial): AnyOperation => operationOf(trial).operation as unknown as AnyOperation
const kindOf = (trial: Trial): AnyOperation['guarantee']['kind'] => operation(trial).guarantee.kind

let marks = 0
const newCall = (): MadeCall => {
  marks += 1
  return makeCall(`suite-mark-${marks}`)
}

const only = (): TrialItem => items(1)[0] as TrialItem

/** Calls directly with an item. */
const callWith = (
  trial: Trial,
  client: unknown,
  item: TrialItem,
  call = newCall(),
): ReturnType<typeof attempt> => attempt(trial, client, { input: operationOf(trial).input(item) }, call)

async function countOf(trial: Trial, { id }: TrialItem): Promise<number> {
  const found = await operationOf(trial).effects()
  return found.filter((item) => item.id === id).length
}

/** Sends items through an engine to the operation, and waits for their ends. */
async function sendAll(trial: Trial, sent: readonly TrialItem[]): Promise<void> {
  const { lives } = trial
  await lives.begin()
  await lives.send(sent)
  await lives.rest()
}

/** What an operation promises, called directly and under an engine. */
export const operationClauses: readonly Clause[] = [
  {
    name: 'an operation takes effect once for each message, unchanged, whatever characters and size it has',
    needs: ['operation'],
    async run(trial) {
      const sent = payloads()
      await sendAll(trial, sent)
      assertAll(await operationOf(trial).effects(), sent)
    },
  },
  {
    name: 'effects of one key come in the order of its messages',
    needs: ['operation', 'order'],
    async run(trial) {
      const sent = items(60, 4)
      await sendAll(trial, sent)
      const found = await operationOf(trial).effects()
      assertAll(found, sent)
      assertOrder(found, sent)
      const { max } = operation(trial).batch ?? {}
      if (max !== undefined)
        assert.ok(
          Math.max(...trial.lives.batches) <= max,
          `requests of ${trial.lives.batches.join(', ')} calls`,
        )
    },
  },
  {
    name: 'what an operation answers can be kept as JSON',
    needs: ['operation'],
    async run(trial) {
      const client = await trial.connect()
      const result = resultOf(await callWith(trial, client, only()))
      const kept = result === undefined ? undefined : JSON.parse(JSON.stringify(result))
      assert.ok(isDeepStrictEqual(kept, result), 'the result is the same after it was kept as JSON')
    },
  },
  {
    name: 'an operation keeps the guarantee that it declares when it is called twice',
    needs: ['operation'],
    run: (trial) => GUARANTEES[kindOf(trial)](trial),
  },
  {
    name: 'an effect whose answer was lost is not claimed to be absent, and is settled by the guarantee',
    needs: ['operation', 'lostReply'],
    run: lostReply,
  },
  {
    name: 'under an engine a lost answer doubles nothing and loses nothing',
    needs: ['operation', 'lostReply'],
    async run(trial) {
      const { lives } = trial
      const sent = items(5, 5)
      await lives.begin()
      await systemOf(trial).loseReply()
      await lives.send(sent)
      await lives.rest()
      assertAll(await operationOf(trial).effects(), sent)
      if (kindOf(trial) !== 'none') await allDone(trial)
    },
  },
  {
    name: 'an input that the system refuses is refused for good, and nothing took effect',
    needs: ['operation', 'refusal'],
    async run(trial) {
      const client = await trial.connect()
      const before = await operationOf(trial).effects()
      const { refused } = operationOf(trial)
      const { retry, applied, code } = errorOf(await attempt(trial, client, { input: refused }, newCall()))
      assert.deepEqual({ retry, applied }, { retry: 'never', applied: 'no' }, code)
      assert.equal((await operationOf(trial).effects()).length, before.length, 'effects after the refusal')
      const item = only()
      resultOf(await callWith(trial, client, item))
      assert.equal(await countOf(trial, item), 1, 'effects of a call after the refusal')
    },
  },
  {
    name: 'a batch answers for each of its calls, also when one of them is refused',
    needs: ['operation', 'batch', 'refusal'],
    run: partialBatch,
  },
  {
    name: 'a call that was given up before it began sends nothing and says so',
    needs: ['operation'],
    run: givenUpBefore,
  },
  {
    name: 'a call that was given up while its server does not answer ends, and claims nothing that is not so',
    needs: ['operation', 'freeze'],
    run: givenUpMeanwhile,
  },
  {
    name: 'a call to a server that is not there says that it was not applied, and may be made again',
    needs: ['operation', 'restart'],
    run: notThere,
  },
  ...TROUBLE_NAMES.map(getsThrough),
]

const GUARANTEES: Readonly<Record<AnyOperation['guarantee']['kind'], (trial: Trial) => Promise<void>>> = {
  async key(trial) {
    const client = await trial.connect()
    const item = only()
    const call = newCall()
    const first = resultOf(await callWith(trial, client, item, call))
    const second = resultOf(await callWith(trial, client, item, makeCall(call.mark, { attempt: 2 })))
    assert.equal(await countOf(trial, item), 1, 'effects of one key that was sent twice')
    assert.deepEqual(second, first, 'what a repeated key is answered')
    const other = only()
    resultOf(await callWith(trial, client, other))
    assert.equal(await countOf(trial, other), 1, 'effects of another key')
  },
  async natural(trial) {
    const client = await trial.connect()
    const item = only()
    resultOf(await callWith(trial, client, item))
    const once = await operationOf(trial).effects()
    resultOf(await callWith(trial, client, item))
    assert.deepEqual(
      await operationOf(trial).effects(),
      once,
      'what is in the system after the same call again',
    )
  },
  async verify(trial) {
    const client = await trial.connect()
    const item = only()
    const call = newCall()
    assert.deepEqual(await ask(trial, client, item, call), { state: 'absent' }, 'asked before the call')
    const result = resultOf(await callWith(trial, client, item, call))
    assert.equal(await countOf(trial, item), 1, 'effects of the call')
    const found = await ask(trial, client, item, call)
    assert.equal(found.state, 'done', 'asked after the call')
    if (found.state === 'done') assert.deepEqual(found.result, result, 'what asking says that it answered')
    assert.deepEqual(
      await ask(trial, client, item, newCall()),
      { state: 'absent' },
      'asked after another mark',
    )
    assert.equal(await countOf(trial, item), 1, 'effects after asking')
  },
  async none(trial) {
    const client = await trial.connect()
    const item = only()
    resultOf(await callWith(trial, client, item))
    assert.equal(await countOf(trial, item), 1, 'effects of one call')
  },
}

async function ask(
  trial: Trial,
  client: unknown,
  item: TrialItem,
  call: MadeCall,
): Promise<Verdict<unknown>> {
  const { verify } = operation(trial)
  assert.ok(verify !== undefined, 'an operation of the guarantee verify has the method verify')
  // Before all that the test did.
  const firstMadeAt = trial.time.clock.now() - 600_000
  return trial.time.during(
    'the question is answered',
    verify.call(operation(trial), client, operationOf(trial).input(item), { ...call, firstMadeAt }),
  )
}

async function lostReply(trial: Trial): Promise<void> {
  const item = only()
  const call = newCall()
  const client = await trial.connect()
  await systemOf(trial).loseReply()
  const { applied, retry } = errorOf(await callWith(trial, client, item, call))
  await trial.time.until('the call has taken effect', async () => (await countOf(trial, item)) === 1)
  assert.notEqual(applied, 'no', 'what is said of a call that took effect')
  if (applied === 'yes') return
  assert.notEqual(retry, 'never', 'whether a call whose outcome is unknown is to be tried again')
  const again = await trial.connect()
  if (kindOf(trial) === 'verify') {
    assert.equal((await ask(trial, again, item, call)).state, 'done', 'asked after the answer was lost')
  } else if (kindOf(trial) !== 'none') {
    resultOf(await callWith(trial, again, item, makeCall(call.mark, { attempt: 2 })))
  }
  assert.equal(await countOf(trial, item), 1, 'effects in the end')
}

async function partialBatch(trial: Trial): Promise<void> {
  const { batch } = operation(trial)
  assert.ok(batch !== undefined, 'the operation takes batches')
  const { input, refused, effects } = operationOf(trial)
  const [first, last] = items(2, 2) as [TrialItem, TrialItem]
  const inputs = [input(first), refused, input(last)].slice(0, Math.max(batch.max, 1))
  const client = await trial.connect()
  const outcomes: readonly CallOutcome<unknown>[] = await trial.time.during(
    'the batch is answered',
    batch.run(
      client,
      inputs.map((each) => ({ input: each, call: newCall() })),
    ),
  )
  assert.equal(outcomes.length, inputs.length, 'an outcome for each call')
  const found = await effects()
  for (const [at, item] of [
    [0, first],
    [2, last],
  ] as const) {
    const outcome = outcomes[at]
    if (outcome === undefined) continue
    const applied = 'error' in outcome ? steering(outcome.error).applied : 'yes'
    const there = found.some(({ id }) => id === item.id)
    assert.ok(
      applied === 'unknown' || (applied === 'yes') === there,
      `call ${at} says "${applied}", and the effect is ${there ? '' : 'not '}there`,
    )
  }
  const bad = outcomes[1]
  assert.ok(bad !== undefined && 'error' in bad, 'the outcome of the call that is refused is an error')
  const { retry, applied } = steering(bad.error)
  assert.deepEqual(
    { retry, applied },
    { retry: 'never', applied: 'no' },
    'what is said of the call that is refused',
  )
  await retryTheOthers(trial, client, outcomes, inputs)
  assertAll(await effects(), [first, last].slice(0, inputs.length - 1))
}

/** Calls that shared the request with a refused one, and did not take effect, are made again by the engine. */
async function retryTheOthers(
  trial: Trial,
  client: unknown,
  outcomes: readonly CallOutcome<unknown>[],
  inputs: readonly unknown[],
): Promise<void> {
  for (const [at, outcome] of outcomes.entries()) {
    if (at === 1 || !('error' in outcome)) continue
    const { applied, retry } = steering(outcome.error)
    assert.equal(applied, 'no', `whether call ${at} may be made again`)
    assert.notEqual(retry, 'never', `whether call ${at}, which is fine, is to be tried again`)
    resultOf(await attempt(trial, client, { input: inputs[at] }, newCall()))
  }
}

async function givenUpBefore(trial: Trial): Promise<void> {
  const client = await trial.connect()
  const item = only()
  const call = newCall()
  call.abort(new Error('The engine stops.'))
  const came = await callWith(trial, client, item, call)
  await trial.time.pass(1_000)
  const count = await countOf(trial, item)
  if ('result' in came) {
    assert.equal(count, 1, 'effects of a call that was answered though it had been given up')
    return
  }
  assert.ok(came.error.applied !== 'no' || count === 0, 'it says that nothing was applied, and something was')
  assert.notEqual(came.error.retry, 'never', 'a call that was given up may be made again')
}

async function givenUpMeanwhile(trial: Trial): Promise<void> {
  const { time } = trial
  const client = await trial.connect()
  // One call before, so that there is a connection which the server then does not answer on.
  resultOf(await callWith(trial, client, only()))
  const item = only()
  const call = newCall()
  await systemOf(trial).freeze()
  const giveUp = time.clock.timer(3_000, () => {
    call.abort(new Error('The time limit.'))
    // A request for several calls goes on for the others: the engine lets go of the one.
    if (operation(trial).batch !== undefined) void systemOf(trial).thaw()
  })
  const came = await callWith(trial, client, item, call)
  giveUp()
  await systemOf(trial).thaw()
  await time.pass(5_000)
  if ('result' in came && operation(trial).batch !== undefined) return
  const { applied, retry } = errorOf(came)
  assert.ok(
    applied !== 'no' || (await countOf(trial, item)) === 0,
    'it says that nothing was applied, and something was',
  )
  assert.notEqual(applied, 'yes', 'nobody can know that it was applied')
  assert.notEqual(retry, 'never', 'it may be tried again')
}

/** The first call may still find a connection that has broken: then nobody can say. The next ones know. */
const CALLS_TO_KNOW = 5

async function notThere(trial: Trial): Promise<void> {
  const client = await trial.connect()
  await systemOf(trial).stop()
  const made: TrialItem[] = []
  let last: LinkspanError | null = null
  for (let nth = 0; nth < CALLS_TO_KNOW && last?.applied !== 'no'; nth += 1) {
    const item = only()
    made.push(item)
    last = errorOf(await callOnce(trial, client, item))
    assert.notEqual(last.retry, 'never', `${last.code} of a server that is not there may be tried again`)
    assert.notEqual(last.applied, 'yes', `${last.code} of a server that is not there`)
  }
  assert.equal(
    last?.applied,
    'no',
    `what the call number ${CALLS_TO_KNOW} says of a server that is not there: ${last?.message}`,
  )
  await systemOf(trial).start()
  const known = made.at(-1) as TrialItem
  assert.equal(await countOf(trial, known), 0, 'effects of a call that said it was not applied')
}

/** Some clients wait for a server: the engine gives their calls up at the time limit. */
async function callOnce(trial: Trial, client: unknown, item: TrialItem): ReturnType<typeof attempt> {
  const call = newCall()
  const giveUp = trial.time.clock.timer(30_000, () => call.abort(new Error('The time limit.')))
  const came = await callWith(trial, client, item, call)
  giveUp()
  return came
}

/** Under an engine each message has its effect in the end, and one alone. */
function getsThrough(trouble: TroubleName): Clause {
  const { through, begin, end } = TROUBLES[trouble]
  return {
    name: `under an engine each message gets through ${through}, once`,
    needs: ['operation', trouble],
    async run(trial) {
      const { lives, time } = trial
      const sent = items(8, 4)
      const [warm, ...rest] = sent as [TrialItem, ...TrialItem[]]
      await lives.begin()
      await lives.send([warm])
      await lives.rest()
      await begin(trial)
      await lives.send(rest)
      await time.pass(3_000)
      await end(trial)
      await lives.rest()
      await settled(trial, sent)
    },
  }
}

/** Whatever happened, the guarantee has settled it, and nobody has to look after it. */
async function allDone({ lives }: Trial): Promise<void> {
  const found = await lives.world.life?.admin.messages({ states: ['dead', 'inDoubt', 'parked', 'dropped'] })
  const why = found?.items.map(({ state, error }) => `${state}: ${error?.message}`)
  assert.deepEqual(why, [], 'messages that did not end as done')
}

/** With `none` a call that nobody can say anything of is in doubt, and waits for a person. */
async function settled(trial: Trial, sent: readonly TrialItem[]): Promise<void> {
  if (kindOf(trial) !== 'none') await allDone(trial)
  const found = await operationOf(trial).effects()
  if (kindOf(trial) !== 'none') return assertAll(found, sent)
  const page = await trial.lives.world.life?.admin.messages({ states: ['inDoubt'] })
  const doubts = page?.items.length ?? 0
  const there = sent.filter(({ id }) => found.some((item) => item.id === id))
  assertAll(found, there)
  assert.ok(
    there.length + doubts >= sent.length,
    `${sent.length - there.length} have no effect, and ${doubts} are in doubt`,
  )
}
