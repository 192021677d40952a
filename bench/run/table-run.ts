import { type RelayPlan, runRelay } from '../kafka/relay-round.ts'
import type { Options } from '../options.ts'
import { participants } from '../participants.ts'
import { type Figures, figuresOf } from '../report/figures.ts'
import { seeded, shuffled } from '../report/statistics.ts'
import { services } from '../services/services.ts'
import { slowFsync } from '../slow-fsync/slow-fsync.ts'
import type { Table } from '../tables.ts'
import { type Bare, measureBare } from './bare.ts'
import { type Prepared, prepare, programOf } from './prepare.ts'
import { noisyCores, untilQuiet } from './quiet.ts'
import { type RoundPlan, runRound } from './round.ts'

/** What a participant came to: one entry per round, undefined where that round failed. */
export type Row = {
  readonly name: string
  readonly durability: string
  readonly rounds: readonly (Figures | undefined)[]
  /** Why there are no figures, or the last failure. */
  readonly reason?: string
}

export type TableRun = {
  readonly table: Table
  readonly seed: number
  readonly rounds: number
  readonly repeats: number
  readonly connections: number
  readonly startedAt: string
  readonly bare?: Bare
  readonly rows: readonly Row[]
}

type Runnable = Extract<Prepared, { readonly kept?: unknown }> & {
  readonly participant: Prepared['participant']
}

/** Runs each participant once per round, in an order that the seed decides anew for every round. */
export const runTable = async (table: Table, options: Options): Promise<TableRun> => {
  const slow = table.addedFsyncMillis === undefined ? { env: {} } : slowFsync(table.addedFsyncMillis)
  const head = {
    table,
    seed: options.seed,
    rounds: options.rounds,
    repeats: options.repeats,
    connections: options.connections,
    startedAt: new Date().toISOString(),
  }
  const wanted = chosen(table, options)
  if ('unavailable' in slow) {
    return { ...head, rows: wanted.map((each) => row(each, [], `skipped: ${slow.unavailable}`)) }
  }
  const running = services(slow.env)
  try {
    const prepared: Prepared[] = []
    for (const each of wanted) prepared.push(await prepare(each, running))
    const bare = table.bare ? { bare: await measureBare(slow.env, options.connections) } : {}
    return { ...head, ...bare, rows: await runRows(table, options, prepared, slow.env) }
  } finally {
    await running.stop()
  }
}

const chosen = (table: Table, { only }: Options) =>
  participants.filter(
    ({ name }) =>
      table.participants.includes(name) && (only === undefined || only.some((part) => name.includes(part))),
  )

const row = (
  { name, durability }: Prepared['participant'],
  rounds: readonly (Figures | undefined)[],
  reason?: string,
): Row => ({ name, durability, rounds, ...(reason === undefined ? {} : { reason }) })

const runRows = async (
  table: Table,
  options: Options,
  prepared: readonly Prepared[],
  env: Readonly<Record<string, string>>,
): Promise<Row[]> => {
  const random = seeded(options.seed)
  const runnable = prepared.filter((each): each is Runnable => !('skipped' in each))
  const figures = new Map(runnable.map((each) => [each, new Array<Figures | undefined>(options.rounds)]))
  const reasons = new Map<Prepared, string>()
  for (let round = 0; round < options.rounds; round++) {
    for (const each of shuffled(runnable, random)) {
      const outcome = await quietly(options.repeats, (repeat) =>
        roundOf(table, options, each, env, `${round}_${repeat}`),
      )
      if ('failed' in outcome) reasons.set(each, `failed in round ${round + 1}: ${outcome.failed}`)
      else figures.get(each)![round] = outcome
      progress(round, options.rounds, each.participant.name, outcome)
    }
  }
  for (const { kept } of runnable) kept?.remove()
  return prepared.map((each) =>
    'skipped' in each
      ? row(each.participant, [], `skipped: ${each.skipped}`)
      : row(each.participant, figures.get(each) ?? [], reasons.get(each)),
  )
}

const quietLimitMs = 15_000

type Outcome = Figures | { readonly failed: string }

/**
 * Waits for a quiet moment, and repeats a round in which others used the machine, as it measures them; by that alone, whatever it came to.
 * The last one counts as it is.
 */
const quietly = async (repeats: number, run: (repeat: number) => Promise<Figures>): Promise<Outcome> => {
  for (let repeat = 0; ; repeat++) {
    if (repeats > 0) await untilQuiet(quietLimitMs)
    const outcome = await attempt(() => run(repeat))
    if ('failed' in outcome || outcome.cpuOthers <= noisyCores || repeat === repeats) return outcome
    console.error(`again: others used ${outcome.cpuOthers.toFixed(2)} cores`)
  }
}

const attempt = async (run: () => Promise<Figures>): Promise<Outcome> => {
  try {
    return await run()
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

const roundOf = async (
  table: Table,
  options: Options,
  each: Runnable,
  env: Readonly<Record<string, string>>,
  round: string,
): Promise<Figures> => {
  const run = `${each.participant.name.replaceAll(/\W+/g, '_')}_${round}`
  if (table.kafka !== undefined) return runRelay(await relayFor(table.kafka, options, each, env, run))
  return figuresOf(await runRound(await planFor(table, options, each, env, run)))
}

/** So many tell whether all works. */
const QUICK_ORDERS = 2_000

const relayFor = async (
  { partitions, orders }: NonNullable<Table['kafka']>,
  { quick }: Options,
  { participant, service }: Runnable,
  env: Readonly<Record<string, string>>,
  run: string,
): Promise<RelayPlan> => {
  const serviceEnv = (await service?.envFor(run)) ?? {}
  return {
    name: participant.name,
    run: `${run}_${partitions}`,
    command: (relay) => ({
      command: process.execPath,
      args: [...participant.args, programOf(participant)],
      env: { ...env, ...serviceEnv, ...participant.env, ...relay, PARTITIONS: String(partitions) },
    }),
    brokers: serviceEnv['KAFKA_BROKERS'] ?? '',
    partitions,
    orders: quick ? QUICK_ORDERS : orders,
    servicePids: service === undefined ? [] : [service.pid],
  }
}

const planFor = async (
  table: Table,
  options: Options,
  { participant, service, kept, keptEnv }: Runnable,
  env: Readonly<Record<string, string>>,
  run: string,
): Promise<RoundPlan> => {
  const serviceEnv = keptEnv ?? (await service?.envFor(run)) ?? {}
  const rate = table.rate === undefined ? undefined : (options.rate ?? table.rate)
  return {
    name: participant.name,
    command: ({ sinkUrl, dataDir: folder }) => ({
      command: process.execPath,
      args: [...participant.args, programOf(participant)],
      env: {
        ...env,
        ...serviceEnv,
        ...participant.env,
        ...keysOf(participant.env, options),
        PORT: '0',
        SINK_URL: sinkUrl,
        DATA_DIR: folder,
        RUN_ID: run,
      },
    }),
    servicePids: service === undefined ? [] : [service.pid],
    connections: options.connections,
    seconds: options.seconds ?? table.seconds,
    warmUpSeconds: table.warmUpSeconds,
    idleSeconds: table.idleSeconds,
    ...(rate === undefined ? {} : { rate }),
    ...(kept === undefined ? {} : { dataDir: kept.path }),
  }
}

/** Of what is kept by key, where a participant says how many keys there are. */
const keysOf = (
  env: Readonly<Record<string, string>>,
  { keys }: Options,
): Readonly<Record<string, string>> =>
  keys === undefined || !('LINKSPAN_KEYS' in env) ? {} : { LINKSPAN_KEYS: String(keys) }

const progress = (round: number, rounds: number, name: string, outcome: Outcome): void => {
  const said =
    'failed' in outcome ? `failed: ${outcome.failed}` : `${Math.round(outcome.endToEnd)} messages/s`
  console.error(`round ${round + 1}/${rounds}  ${name}: ${said}`)
}
