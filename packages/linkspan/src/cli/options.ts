import { InvalidArgumentError, Option } from 'commander'
import type { MessageQuery, MessageState } from '../index.ts'
import { ENDINGS } from '../model/message.ts'
import { wrongUse } from './failure.ts'
import { parseTime } from './time.ts'

/** All states, as `--state` takes them. */
export const STATES: readonly MessageState[] = ['active', 'waiting', ...ENDINGS]

/** Options that choose messages, as commander answers them. */
export interface QueryOptions {
  readonly flow?: string
  readonly key?: string
  readonly state?: readonly MessageState[]
  readonly since?: string
  readonly until?: string
  readonly index?: Readonly<Record<string, string>>
}

/** `--flow`, `--key`, `--since`, `--until`, `--index`. */
export function queryOptions(): readonly Option[] {
  return [
    new Option('--flow <name>', 'only of this flow'),
    new Option('--key <key>', 'only with this key'),
    new Option('--since <time>', 'accepted at or after: 2h, 7d (ago), 2026-11-21T06:30:00Z'),
    new Option('--until <time>', 'accepted before'),
    new Option('--index <field=value>', 'only with this indexed field; repeatable').argParser(addPair),
  ]
}

/** `--state`. */
export function stateOption(summary: string = `only in these states: ${STATES.join(', ')}`): Option {
  return new Option('--state <states>', summary).argParser(parseStates)
}

/** `--note`, required: what a person does to a message is on record with the reason. */
export function noteOption(): Option {
  return new Option('--note <text>', 'why; kept with the message').makeOptionMandatory()
}

/** A whole number of at least `least`. */
export function wholeNumber(flags: string, summary: string, least = 1): Option {
  return new Option(flags, summary).argParser((text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Write a whole number of at least ${least}.`)
  })
}

/** The options as the query they mean. */
export function toQuery(options: QueryOptions, now: number): MessageQuery {
  const since = options.since === undefined ? undefined : parseTime(options.since, now)
  const until = options.until === undefined ? undefined : parseTime(options.until, now)
  if (since !== undefined && until !== undefined && since >= until)
    throw wrongUse(
      `--since ${options.since} is not before --until ${options.until}, so nothing can lie between.`,
    )
  return {
    ...(options.flow === undefined ? {} : { flow: options.flow }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.state === undefined ? {} : { states: options.state }),
    ...(options.index === undefined ? {} : { index: options.index }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  }
}

/** Collects `name=value` options into an object. */
export function addPair(
  text: string,
  previous: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write it as name=value.')
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}

function parseStates(text: string, previous: readonly MessageState[] | undefined): readonly MessageState[] {
  const states = text.split(',').map((word) => {
    const found = STATES.find(
      (state) => state.toLowerCase() === word.trim().replaceAll('-', '').toLowerCase(),
    )
    if (found === undefined)
      throw new InvalidArgumentError(`"${word}" is no state. The states are ${STATES.join(', ')}.`)
    return found
  })
  const all = [...(previous ?? []), ...states]
  const ended = all.filter((state) => (ENDINGS as readonly MessageState[]).includes(state))
  if (ended.length > 0 && ended.length < all.length)
    throw new InvalidArgumentError(
      'Ask for live ones (active, waiting) or for ended ones, not for both at once.',
    )
  return all
}
