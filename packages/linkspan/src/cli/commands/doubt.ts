import { Option } from 'commander'
import type { MessageState } from '../../index.ts'
import { wrongUse } from '../failure.ts'
import { readJsonArgument } from '../json-argument.ts'
import { collectMessages, messageColumns } from '../message-list.ts'
import { noteOption, type QueryOptions, queryOptions, toQuery, wholeNumber } from '../options.ts'
import { defineVerb, type VerbGroup } from '../verb.ts'

const IN_DOUBT: readonly MessageState[] = ['inDoubt']

interface ResolveOptions {
  readonly applied?: boolean
  readonly notApplied?: boolean
  readonly result?: string
  readonly note: string
}

/** `linkspan doubt`. */
export const doubt: VerbGroup = {
  name: 'doubt',
  summary: 'List and resolve messages in doubt: calls that may or may not have been applied',
  verbs: [
    defineVerb<QueryOptions & { readonly limit: number }>({
      usage: 'list',
      summary: 'List messages in doubt, the newest first',
      examples: ['linkspan doubt list --flow orders'],
      reach: 'engine',
      options: [...queryOptions(), wholeNumber('--limit <count>', 'at most so many').default(50)],
      run: ({ door, out, terminal }, _args, options) => {
        const query = { ...toQuery(options, terminal.now()), states: IN_DOUBT, children: true }
        return door.withReader(async (admin) => {
          const { items, next } = await collectMessages(admin, query, options.limit)
          out.list(items, messageColumns(terminal.now()), 'No message is in doubt.')
          if (items.length > 0)
            out.note(
              'Look in the other system (linkspan trace ID shows the call), then linkspan doubt resolve ID.',
            )
          if (next !== null) out.note('There are more: add a higher --limit.')
          return undefined
        })
      },
    }),
    defineVerb<ResolveOptions>({
      usage: 'resolve <id>',
      summary: 'Say whether the call in doubt was applied',
      details:
        'Applied: the message goes on as if the call had answered --result (null without it). Not applied: the call is made again.',
      examples: [
        'linkspan doubt resolve 3f-x1y2z3a4b5c6 --not-applied --note "no such payment at the bank"',
        `linkspan doubt resolve 3f-x1y2z3a4b5c6 --applied --result '{"id":7}' --note "found it as 7"`,
      ],
      reach: 'engine',
      options: [
        new Option('--applied', 'it took effect'),
        new Option('--not-applied', 'it did not take effect'),
        new Option('--result <json>', 'what the call answered: JSON, - for stdin, @file (with --applied)'),
        noteOption(),
      ],
      run: async ({ door, out, terminal }, [id = ''], options) => {
        const applied = options.applied === true
        if (applied === (options.notApplied === true))
          throw wrongUse('Say one of --applied (it took effect) and --not-applied (it did not).')
        if (options.result !== undefined && !applied)
          throw wrongUse('--result goes with --applied: a call that was not applied has no result.')
        const result =
          options.result === undefined
            ? {}
            : { result: await readJsonArgument(terminal, options.result, 'The result') }
        await door.withEngine((admin) => admin.resolve(id, applied, { note: options.note, ...result }))
        if (out.json) out.document({ id, applied })
        else out.line(applied ? `${id} goes on after the call.` : `${id} makes the call again.`)
        return undefined
      },
    }),
  ],
}
