import { Option } from 'commander'
import type { AdminReader, BulkOutcome, MessageState, Selection } from '../index.ts'
import { type ExitCode, NEGATIVE, OK } from './exit-code.ts'
import { failure, wrongUse } from './failure.ts'
import { collectMessages } from './message-list.ts'
import { type QueryOptions, queryOptions, stateOption, toQuery } from './options.ts'
import { counted } from './text.ts'
import type { Context } from './verb.ts'

/** Options of an action on many messages. */
export interface MassOptions extends QueryOptions {
  readonly all?: boolean
  readonly yes?: boolean
}

/** `--all`, `--yes`, and the options that choose messages. */
export function massOptions(what: string): readonly Option[] {
  return [
    new Option('--all', `all ${what}`),
    ...queryOptions(),
    stateOption('in these states instead of dead'),
    new Option('-y, --yes', 'do not ask before acting on many messages'),
  ]
}

/** The messages that arguments and options choose; one way of choosing is needed, both are refused. */
export function selectionOf(
  ids: readonly string[],
  options: MassOptions,
  states: readonly MessageState[],
  now: number,
): Selection {
  const query = toQuery(options, now)
  const filtered = Object.keys(query).length > 0
  if (ids.length > 0 && (filtered || options.all))
    throw wrongUse(
      'Name messages by id, or choose them by --all, --flow, --key, --since, --until, --index: not both.',
    )
  if (ids.length > 0) return { ids }
  if (!filtered && !options.all)
    throw wrongUse('Say which messages: ids, or --all, --flow, --key, --since, --until, --index.')
  return { query: { states, ...query } }
}

const COUNT_UP_TO = 10_000

/** Asks before acting on what a query finds; false when there is nothing or the person says no. */
export async function confirmed(
  { terminal, out }: Context,
  admin: AdminReader,
  selection: Selection,
  deed: string,
  yes: boolean,
): Promise<boolean> {
  if ('ids' in selection) return true
  const { items, next } = await collectMessages(admin, selection.query, COUNT_UP_TO)
  if (items.length === 0) {
    out.note('No message fits, so nothing was done.')
    return true
  }
  if (yes) return true
  const count = `${next === null ? '' : 'more than '}${counted(items.length, 'message')}`
  if (terminal.stdin.isTTY && terminal.stderr.isTTY && !out.json) return terminal.confirm(`${deed} ${count}?`)
  throw wrongUse(`This would ${deed.toLowerCase()} ${count}. Repeat the command with --yes to do it.`)
}

/** Tells what came of it. The exit code is 1 when something was refused. */
export function showOutcome({ out }: Context, outcome: BulkOutcome, done: string): ExitCode {
  if (out.json) out.document(outcome)
  else {
    out.line(`${done} ${counted(outcome.done, 'message')}.`)
    if (outcome.refused.length > 0) {
      out.line(out.style('bad', `Refused ${counted(outcome.refused.length, 'message')}:`))
      out.table(outcome.refused, [
        { title: 'ID', value: ({ id }) => id },
        { title: 'WHY', value: ({ error }) => `${error.code}: ${error.message}`, flexible: true },
      ])
    }
  }
  return outcome.refused.length === 0 ? OK : NEGATIVE
}

/** What a person's no leads to. */
export function declined(): Error {
  return failure(NEGATIVE, 'Nothing was done.')
}
