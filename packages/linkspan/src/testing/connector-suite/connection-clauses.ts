import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { ConnectorSpec } from '../../connect/connector.ts'
import { openHandles } from './open-handles.ts'
import { findSecret } from './secrets.ts'
import {
  attempt,
  type Clause,
  connectionOf,
  hasAll,
  items,
  makeCall,
  operationOf,
  resultOf,
  sourceOf,
  steering,
  systemOf,
  type Trial,
} from './trial.ts'

/** What a connector promises of its connection. */
export const connectionClauses: readonly Clause[] = [
  {
    name: 'the spec is plain data, and says what there is',
    needs: ['connection'],
    async run(trial) {
      const { spec, name } = connectionOf(trial).connector
      assert.ok(isDeepStrictEqual(JSON.parse(JSON.stringify(spec)), spec), 'the spec is the same as JSON')
      assert.ok(spec.summary.length > 10, `the summary of ${name}`)
      assertOffers(spec, trial)
    },
  },
  {
    name: 'a configuration that is none is refused with what is wrong with it',
    needs: ['connection'],
    async run(trial) {
      const { config } = connectionOf(trial).connector
      for (const given of [42, 'text', { 'no such option': true }]) {
        const { issues = [] } = await config['~standard'].validate(given)
        assert.ok(issues.length > 0, `${JSON.stringify(given)} is refused`)
        assert.ok(
          issues.every(({ message }) => message.length > 0),
          'each issue says something',
        )
      }
    },
  },
  {
    name: 'credentials that the system refuses are told apart from a system that is not there, and applied nothing',
    needs: ['connection', 'credentials'],
    async run(trial) {
      const error = steering(await failureOf(trial, trial.rig.wrongConfig))
      assert.ok(
        ['CALL_UNAUTHENTICATED', 'CONNECTION_FAILED'].includes(error.code),
        `${error.code}: ${error.message}`,
      )
      assert.match(error.message, /auth|credential|login|log in|password|token|denied|refused|permi|401|403/i)
      assert.equal(error.applied, 'no', 'what is said of a call that never was')
    },
  },
  {
    name: 'connecting to a server that is not there fails so that it is tried again, or succeeds and its use fails so',
    needs: ['connection', 'restart'],
    async run(trial) {
      await systemOf(trial).stop()
      const error = steering(await failureOf(trial, trial.rig.config))
      assert.notEqual(error.retry, 'never', `${error.code}: ${error.message}`)
      assert.equal(error.applied, 'no', `${error.code}: ${error.message}`)
      await systemOf(trial).start()
    },
  },
  {
    name: 'check says whether the system can be used',
    needs: ['connection', 'check', 'restart'],
    async run(trial) {
      const { connector } = connectionOf(trial)
      const client = await trial.connect()
      const check = async (): Promise<void> =>
        trial.time.during(
          'the check is answered',
          connector.check?.(client, new AbortController().signal) ?? Promise.resolve(),
        )
      await check()
      await systemOf(trial).stop()
      await assert.rejects(check, 'the check of a server that is not there')
      await systemOf(trial).start()
    },
  },
  {
    name: 'no error, no line of the log and no spec shows a secret',
    needs: ['connection', 'secrets'],
    run: showsNoSecret,
  },
  {
    name: 'nothing is left open when a connection that was used is closed',
    needs: ['connection'],
    run: closesAll,
  },
]

function assertOffers({ sources = [], operations = [] }: ConnectorSpec, { rig }: Trial): void {
  if (rig.source !== undefined) assert.ok(sources.length > 0, 'the spec lists the sources')
  if (rig.operation !== undefined) {
    const { kind } = rig.operation.operation.guarantee
    const listed = operations.some(({ guarantees }) => guarantees.includes(kind))
    assert.ok(listed, `the spec lists an operation with the guarantee "${kind}"`)
  }
}

/** What connecting with a configuration, or the first use after it, throws. */
async function failureOf(trial: Trial, config: unknown): Promise<unknown> {
  try {
    const client = await trial.connect(config)
    await use(trial, client)
  } catch (thrown) {
    return thrown
  }
  throw new Error('It connected and could be used.')
}

/** Checks, or calls, or starts the source, whatever there is. */
async function use(trial: Trial, client: unknown): Promise<void> {
  const { connector } = connectionOf(trial)
  const { time, rig } = trial
  const { signal } = new AbortController()
  if (connector.check !== undefined)
    await time.during('the check is answered', connector.check(client, signal))
  if (rig.operation === undefined) return
  const call = makeCall('suite-use')
  const giveUp = time.clock.timer(30_000, () => call.abort(new Error('The time limit.')))
  const [item] = items(1)
  const came = await attempt(trial, client, { input: operationOf(trial).input(item as never) }, call)
  giveUp()
  if ('error' in came) throw came.error
}

async function showsNoSecret(trial: Trial): Promise<void> {
  const { rig, lives, time } = trial
  const shown: unknown[] = [connectionOf(trial).connector.spec]
  if (rig.wrongConfig !== undefined) shown.push(await failureOf(trial, rig.wrongConfig))
  await lives.begin()
  await work(trial)
  const system = systemOf(trial)
  if (trial.has('cut')) await system.cut()
  if (trial.has('restart')) {
    await system.stop()
    shown.push(await failureOf(trial, rig.config))
    if (rig.operation !== undefined) await lives.send(items(2))
    await time.pass(5_000)
    await system.start()
  }
  await work(trial)
  shown.push(...lives.errors, lives.world.logger.lines)
  const issues = await connectionOf(trial).connector.config['~standard'].validate({
    ...(rig.config as object),
    'no such option': 1,
  })
  shown.push(issues.issues)
  assert.equal(findSecret(shown, rig.secrets ?? []), null, 'a secret is shown')
}

/** Lets all parts of the connector do something, under the engine that runs. */
async function work(trial: Trial): Promise<void> {
  const { rig, lives, time } = trial
  const sent = items(3)
  if (rig.source !== undefined) {
    await sourceOf(trial).put(sent)
    await time.until('all items have come', () => hasAll(lives.got, sent))
  }
  if (rig.operation !== undefined) await lives.send(sent)
  await lives.rest()
}

async function closesAll(trial: Trial): Promise<void> {
  const { lives, time, rig } = trial
  const before = openHandles()
  await lives.begin()
  await work(trial)
  await lives.stop()
  const client = await trial.connect()
  if (rig.operation !== undefined)
    resultOf(
      await attempt(
        trial,
        client,
        { input: operationOf(trial).input(items(1)[0] as never) },
        makeCall('suite-last'),
      ),
    )
  await trial.close(client)
  let left: readonly string[] = []
  await time
    .until('nothing is open any more', () => {
      left = openHandles(before)
      return left.length === 0
    })
    .catch(() => assert.fail(`left open after close: ${left.join(', ')}`))
}
