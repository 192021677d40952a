import assert from 'node:assert/strict'
import type { CallContext, ConnectEnvironment, Operation } from '../../connect/connector.ts'
import { isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import { memoryLogger } from '../memory-logger.ts'
import { seededRandom } from '../seeded-random.ts'
import type { Lives } from './lives.ts'
import type { Capability, ConnectorRig, OperationTrial, SourceTrial, SystemTrial, TrialItem } from './rig.ts'
import type { TrialTime } from './time.ts'

/** One test of the suite. */
export interface Clause {
  readonly name: string
  /** What a rig must have for it. */
  readonly needs: readonly Capability[]
  run(trial: Trial): Promise<void>
}

/** What a clause works with: a rig, fresh for it, and engines around it. */
export interface Trial {
  readonly rig: ConnectorRig
  readonly time: TrialTime
  readonly lives: Lives
  has(capability: Capability): boolean
  /** Connects without an engine; what is not closed is closed at the end. */
  connect(config?: unknown): Promise<unknown>
  close(client: unknown): Promise<void>
}

/** Takes the source of a rig whose clause needs one. */
export const sourceOf = ({ rig }: Trial): SourceTrial => present(rig.source)
export const operationOf = ({ rig }: Trial): OperationTrial => present(rig.operation)
export const systemOf = ({ rig }: Trial): Required<SystemTrial> => (rig.system ?? {}) as Required<SystemTrial>
export const connectionOf = ({ rig }: Trial): NonNullable<ConnectorRig['connection']> =>
  present(rig.connection)

function present<T>(part: T | undefined): T {
  assert.ok(part !== undefined, 'the rig has what its clause needs')
  return part
}

/** What must come through unchanged. */
const TEXTS: readonly string[] = [
  'plain',
  '',
  ' blank at both ends ',
  'line\nbreak\r\nand\ttab, "quotes", \\backslash\\, {braces}, <tags> & \u0027apostrophes\u0027; -- comment',
  'Ünïcödé 漢字 עברית العربية 🗻𝄞👩‍👩‍👧 \u2028\ufeff',
  'x'.repeat(65_536),
  '🗻'.repeat(50_000),
]

let made = 0

/** Items with plain texts over some keys; neighbours share one often enough for a wrong order to be seen. */
export function items(count: number, keys = 3): readonly TrialItem[] {
  return Array.from({ length: count }, (_, at) => itemOf(`text ${at}`, `key-${Math.floor(at / 2) % keys}`))
}

/** An item for each kind of payload. */
export function payloads(): readonly TrialItem[] {
  return TEXTS.map((text, at) => itemOf(text, `key-${at % 2}`))
}

function itemOf(text: string, key: string): TrialItem {
  made += 1
  return { id: `item-${made}`, key, text }
}

const ids = (all: readonly TrialItem[]): readonly string[] => all.map(({ id }) => id)

/** Whether each of them is there. */
export function hasAll(found: readonly TrialItem[], wanted: readonly TrialItem[]): boolean {
  const there = new Set(ids(found))
  return wanted.every(({ id }) => there.has(id))
}

/** Asserts that each of them is there, as it was, and none twice unless `twice` says that this may be. */
export function assertAll(
  found: readonly TrialItem[],
  wanted: readonly TrialItem[],
  { twice = false }: { readonly twice?: boolean } = {},
): void {
  const counts = new Map<string, number>()
  for (const { id } of found) counts.set(id, (counts.get(id) ?? 0) + 1)
  const lost = wanted.filter(({ id }) => !counts.has(id))
  assert.deepEqual(ids(lost), [], 'these were lost')
  const doubled = [...counts].filter(([, count]) => count > 1).map(([id]) => id)
  if (!twice) assert.deepEqual(doubled, [], 'these came or took effect twice')
  const known = new Map(wanted.map((item) => [item.id, item]))
  for (const item of found) assertUnchanged(item, known.get(item.id))
}

function assertUnchanged(found: TrialItem, wanted: TrialItem | undefined): void {
  assert.ok(wanted !== undefined, `"${found.id}" was not among what was sent`)
  const { key, text } = found
  const same = text === wanted.text && key === wanted.key
  assert.ok(same, `"${found.id}" was changed: ${brief({ key, text })} instead of ${brief(wanted)}`)
}

const brief = ({ key, text }: Pick<TrialItem, 'key' | 'text'>): string =>
  `${JSON.stringify(text.slice(0, 60))} (${text.length} characters) of the key ${JSON.stringify(key)}`

/** Asserts that items of one key have the order in which they were sent; of one that is there twice, its first place counts. */
export function assertOrder(found: readonly TrialItem[], wanted: readonly TrialItem[]): void {
  for (const [key, sent] of Map.groupBy(wanted, (item) => item.key)) {
    const there = ids(found.filter((item) => item.key === key))
    assert.deepEqual([...new Set(there)], ids(sent), `the order of what has the key ${JSON.stringify(key)}`)
  }
}

/** A call that the suite makes itself. */
export interface MadeCall extends CallContext {
  abort(reason: unknown): void
}

/** A call as the engine makes it. */
export function makeCall(mark: string, given: Partial<CallContext> = {}): MadeCall {
  const controller = new AbortController()
  const { signal } = controller
  return {
    messageId: `1-${mark}`,
    mark,
    signal,
    onAbort: (run) => {
      const abort = (): void => run(signal.reason)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      return () => signal.removeEventListener('abort', abort)
    },
    maySend: () => true,
    jsonText: (value) => JSON.stringify(value),
    timeoutMs: 600_000,
    attempt: 1,
    firstMadeAt: null,
    limits: () => undefined,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    abort: (reason) => controller.abort(reason),
    ...given,
  }
}

/** What came of a call. */
export type Came = { readonly result: unknown } | { readonly error: LinkspanError }

/** Makes a call directly, and holds an error of it to what every error must be. */
export async function attempt(
  trial: Trial,
  client: unknown,
  item: { readonly input: unknown },
  call: CallContext,
): Promise<Came> {
  const operation = operationOf(trial).operation as unknown as Operation<unknown, unknown>
  try {
    const made = runOne(operation, client, item.input, call)
    return { result: await trial.time.during('the call is answered or given up', made) }
  } catch (thrown) {
    return { error: steering(thrown) }
  }
}

/** An operation that takes batches is called by them alone, as the engine does. */
async function runOne(
  operation: Operation<unknown, unknown>,
  client: unknown,
  input: unknown,
  call: CallContext,
): Promise<unknown> {
  if (operation.batch === undefined) return operation.run(client, input, call)
  const [outcome] = await operation.batch.run(client, [{ input, call }])
  assert.ok(outcome !== undefined, 'batch.run answers an outcome for each call')
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

/** An error that tells the engine what to do. */
export function steering(thrown: unknown): LinkspanError {
  assert.ok(
    isLinkspanError(thrown),
    `a LinkspanError was to be thrown, not ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)}`,
  )
  assert.ok(thrown.message.length >= 15, `the message says what happened: "${thrown.message}"`)
  return thrown
}

export function resultOf(came: Came): unknown {
  if ('error' in came) throw new Error(`The call failed: ${came.error.message}`, { cause: came.error })
  return came.result
}

export function errorOf(came: Came): LinkspanError {
  assert.ok('error' in came, 'the call was to fail')
  return came.error
}

/** What a connector is given to connect in. */
export function environmentOf({ rig, time }: Pick<Trial, 'rig' | 'time'>): ConnectEnvironment & {
  readonly logger: ReturnType<typeof memoryLogger>
} {
  return {
    clock: time.clock,
    random: seededRandom(12),
    logger: memoryLogger(),
    directory: rig.directory ?? '/',
  }
}
