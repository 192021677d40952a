import { randomInt } from 'node:crypto'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UNSAFE, type Unsafe } from '../protocol.ts'

/** How `npm start` was called. */
export interface RunOptions {
  readonly once: boolean
  readonly json: boolean
  readonly seed: number
  /** How many distinct deliveries `--once` makes. */
  readonly messages: number
  readonly unsafe: Unsafe | ''
  readonly kills: number
  /** A kill waits until at least this many messages are in flight. */
  readonly inFlight: number
  /** Deliveries per second when live. */
  readonly rate: number
  /** A factor on all rates of the simulators' faults. */
  readonly faults: number
  /** Live ends by itself after this long; null: it does not. */
  readonly seconds: number | null
  /** The folder for the logs and the hub's data; null: one of its own, which goes when nothing is wrong. */
  readonly data: string | null
  readonly keep: boolean
  /** The hub's main file. */
  readonly hub: string
  /** Further environment for the hub. */
  readonly hubEnv: Readonly<Record<string, string>>
}

/** A command line that cannot be followed. */
export class UsageError extends Error {}

export const HELP = `Usage: npm start -- [options]

  (no option)         run live: feeder at a pleasant rate, status line, k kills the hub, q quits
  --once              all input at full rate, kill the hub at random moments, print the ledger
  --json              with --once: the last line is the ledger as JSON
  --seed N            repeat a run's input, faults and moments of killing (default: random, printed)
  --messages N        with --once: distinct deliveries (default 20000)
  --unsafe NAME       switch a protection off: ${UNSAFE.join(' or ')}; the ledger must show it
  --kills N           with --once: SIGKILLs (default 10; up to 2 more are drawn from the seed)
  --in-flight N       with --once: kill only while N messages are in flight (default 100)
  --rate N            live: deliveries per second (default 20)
  --faults FACTOR     on the rates of the simulators' faults (default 1; 0: none)
  --seconds N         live: end after N seconds
  --data FOLDER       keep logs and journal there
  --keep              do not remove the run's folder
  --help              this text`

/** Reads the command line. @throws {UsageError} with what is wrong and the value. */
export function readOptions(args: readonly string[], hub: string): RunOptions | 'help' {
  const values = parse(args)
  if (values.help) return 'help'
  return {
    once: values.once,
    json: values.json,
    seed: values.seed === undefined ? randomInt(1, 1_000_000) : count('--seed', values.seed),
    messages: count('--messages', values.messages),
    unsafe: readUnsafe(values.unsafe),
    kills: count('--kills', values.kills),
    inFlight: count('--in-flight', values['in-flight']),
    rate: positive('--rate', values.rate),
    faults: number('--faults', values.faults),
    seconds: values.seconds === undefined ? null : number('--seconds', values.seconds),
    data: values.data === undefined ? null : resolve(values.data),
    keep: values.keep,
    hub: values.hub === undefined ? hub : resolve(values.hub),
    hubEnv: {},
  }
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ once: flag, json: flag, keep: flag, help: flag },
        ...{ messages: text('20000'), unsafe: text(''), kills: text('10'), 'in-flight': text('100') },
        ...{ rate: text('20'), faults: text('1') },
        ...{
          seed: { type: 'string' },
          seconds: { type: 'string' },
          data: { type: 'string' },
          hub: { type: 'string' },
        },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readUnsafe(text: string): Unsafe | '' {
  const known = UNSAFE.find((name) => name === text)
  if (known === undefined && text !== '')
    throw new UsageError(`--unsafe ${text} is not one of ${UNSAFE.join(', ')}.`)
  return known ?? ''
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new UsageError(`${name} ${text} is not a number of at least 0.`)
  }
  return value
}

function positive(name: string, text: string): number {
  const value = number(name, text)
  if (value === 0) throw new UsageError(`${name} must be more than 0.`)
  return value
}

function count(name: string, text: string): number {
  const value = number(name, text)
  if (!Number.isSafeInteger(value)) throw new UsageError(`${name} ${text} is not a whole number.`)
  return value
}
