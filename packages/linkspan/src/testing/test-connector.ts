import assert from 'node:assert/strict'
import { connectionClauses } from './connector-suite/connection-clauses.ts'
import { createLives } from './connector-suite/lives.ts'
import { operationClauses } from './connector-suite/operation-clauses.ts'
import type { Capability, ConnectorRig, SystemTrial } from './connector-suite/rig.ts'
import { sourceClauses } from './connector-suite/source-clauses.ts'
import { realTime, type TrialTime, virtualTime } from './connector-suite/time.ts'
import { type Clause, environmentOf, type Trial } from './connector-suite/trial.ts'
import type { DeclareTest } from './test-journal.ts'

export type {
  Capability,
  ConnectorRig,
  OperationTrial,
  SourceTrial,
  SystemTrial,
  TrialItem,
  TrialMessage,
} from './connector-suite/rig.ts'

/** A connector to hold to its contract. */
export interface ConnectorUnderTest {
  /** Names the tests: `kafka`, `kafka, produce with a key`. */
  readonly name: string
  /** What stands behind the connection. A fake or a simulator does not stand in for the real system: say both. */
  readonly against: 'fake' | 'simulator' | 'real system'
  /** `virtual` for a fake in memory that keeps to the clock it is given; `real` where there is any input and output. */
  readonly time: 'virtual' | 'real'
  /** What the connector, its system or the rig does not have, each with the reason: it is printed with each test that is left out. */
  readonly without?: Readonly<Partial<Record<Capability, string>>>
  /** Why nothing holds the connector to this suite on the real system, where that is so; it is printed. */
  readonly noRealSystem?: string
  /** Makes a fresh rig for each test, on the clock of the test. */
  readonly make: (time: Pick<TrialTime, 'clock'>) => Promise<ConnectorRig>
}

/** Declares tests as `testConnector` needs it: a test runner's `test`, with its `skip` where it has one. */
export interface DeclareTrial extends DeclareTest {
  readonly skip?: (name: string, run: () => Promise<void>) => unknown
}

const CLAUSES: readonly Clause[] = [...connectionClauses, ...sourceClauses, ...operationClauses]

/**
 * The contract of a connector as tests, the same for all connectors and any test runner: redelivery, crashes before and after the
 * acknowledgement, order of a key, partial failure of a batch, the guarantee of an operation, what its errors claim, a server
 * that is restarted, frozen, slow or cut off, secrets, and what is left open. Sources and calls run under a real engine on a simulated
 * journal where that is what is promised; else the connector is called directly.
 *
 * A rig has one source or one operation or both. A connector with several calls this once for each.
 *
 * @example
 * ```ts
 * import { test } from 'vitest'
 * import { type ConnectorRig, testConnector } from 'linkspan/testing'
 * declare function rigOfMine(): Promise<ConnectorRig>
 *
 * testConnector(test, {
 *   name: 'mine',
 *   against: 'fake',
 *   time: 'virtual',
 *   without: { batch: 'the system takes one record at a time' },
 *   make: async () => rigOfMine(),
 * })
 * ```
 */
export function testConnector(test: DeclareTrial, subject: ConnectorUnderTest): void {
  const { name, against, without = {}, noRealSystem } = subject
  for (const [capability, reason] of Object.entries(without)) checkReason(name, capability, reason)
  if (noRealSystem !== undefined)
    leaveOut(test, `${name}: all of this on the real system (left out: ${noRealSystem})`)
  for (const clause of CLAUSES) {
    const missing = clause.needs.find((need) => without[need] !== undefined)
    const title = `${name} (${against}): ${clause.name}`
    if (missing === undefined) test(title, () => tried(clause, subject))
    else leaveOut(test, `${title} (left out: ${without[missing]})`)
  }
}

const SHORTEST_REASON = 10

function checkReason(name: string, capability: string, reason: string): void {
  if (reason.trim().length >= SHORTEST_REASON) return
  throw new Error(
    `${name} leaves out "${capability}" and does not say why: without: { ${capability}: 'the reason' }.`,
  )
}

function leaveOut(test: DeclareTrial, title: string): void {
  const nothing = async (): Promise<void> => undefined
  if (test.skip === undefined) test(title, nothing)
  else test.skip(title, nothing)
}

async function tried(clause: Clause, { time: kind, make, without = {} }: ConnectorUnderTest): Promise<void> {
  const time = kind === 'virtual' ? virtualTime() : realTime()
  const rig = healing(await make(time))
  const { trial, end } = trialOf(rig, time, (capability) => without[capability] === undefined)
  try {
    checkRig(clause, rig, without)
    await clause.run(trial)
  } catch (thrown) {
    // What went wrong first is what is told.
    await end().catch(() => undefined)
    await rig.dispose().catch(() => undefined)
    throw thrown
  }
  await end().finally(() => rig.dispose())
}

function trialOf(
  rig: HealingRig,
  time: TrialTime,
  has: Trial['has'],
): { readonly trial: Trial; readonly end: () => Promise<void> } {
  const lives = createLives(rig, time)
  const { connection } = rig
  const open = new Set<unknown>()
  const close = async (client: unknown): Promise<void> => {
    open.delete(client)
    await time.during('the client closes', Promise.resolve(connection?.connector.close?.(client)))
  }
  const connect = async (config: unknown = rig.config): Promise<unknown> => {
    assert.ok(connection !== undefined, 'the rig has a connection')
    const checked = await connection.connector.config['~standard'].validate(config)
    if (checked.issues)
      throw new Error(
        `The configuration is refused: ${checked.issues.map(({ message }) => message).join('; ')}`,
      )
    const made = connection.connector.connect(checked.value, environmentOf({ rig, time }))
    const client = await time.during('connecting succeeds or fails', made)
    open.add(client)
    return client
  }
  const end = async (): Promise<void> => {
    await rig.heal()
    await lives.kill()
    for (const client of open) await close(client)
  }
  return { trial: { rig, time, lives, has, connect, close }, end }
}

interface HealingRig extends ConnectorRig {
  /** Undoes what a test that failed in the middle has left of the system: the next one may be on the same. */
  heal(): Promise<void>
}

function healing(rig: ConnectorRig): HealingRig {
  const { system = {} } = rig
  const { stop, start } = system
  let down = false
  const hurt: SystemTrial = {
    ...system,
    ...(stop === undefined
      ? {}
      : {
          stop: async () => {
            down = true
            await stop()
          },
        }),
    ...(start === undefined
      ? {}
      : {
          start: async () => {
            await start()
            down = false
          },
        }),
  }
  return {
    ...rig,
    system: hurt,
    heal: async () => {
      await hurt.thaw?.()
      await hurt.delay?.(0)
      if (down) await hurt.start?.()
    },
  }
}

/** What must be in a rig for a capability; the others are said of the system and cannot be seen. */
const SEEN: Readonly<Partial<Record<Capability, (rig: ConnectorRig) => unknown>>> = {
  source: ({ source }) => source,
  operation: ({ operation }) => operation,
  connection: ({ connection }) => connection,
  unreadable: ({ source }) => source?.putUnreadable,
  redelivery: ({ source }) => source?.redeliver,
  refusal: ({ operation }) => operation?.refused,
  batch: ({ operation }) => operation?.operation.batch,
  check: ({ connection }) => connection?.connector.check,
  secrets: ({ secrets = [] }) => (secrets.length > 0 ? secrets : undefined),
  credentials: ({ wrongConfig }) => wrongConfig,
  restart: ({ system }) => (system?.stop === undefined ? undefined : system.start),
  freeze: ({ system }) => (system?.freeze === undefined ? undefined : system.thaw),
  cut: ({ system }) => system?.cut,
  slow: ({ system }) => system?.delay,
  lostReply: ({ system }) => system?.loseReply,
}

/** A rig has what is not left out, and nothing of what is. */
function checkRig(clause: Clause, rig: ConnectorRig, without: ConnectorUnderTest['without'] = {}): void {
  for (const need of clause.needs) {
    const see = SEEN[need]
    if (see !== undefined && see(rig) === undefined)
      throw new Error(
        `The rig has no "${need}", which this test needs. Give it one, or say why it has none: without: { ${need}: 'the reason' }.`,
      )
  }
  for (const capability of Object.keys(without) as Capability[]) {
    if (SEEN[capability]?.(rig) !== undefined)
      throw new Error(`"${capability}" is left out, and the rig has it. Take it out of \`without\`.`)
  }
}
