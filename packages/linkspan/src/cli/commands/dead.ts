import { Option } from 'commander'
import type { MessageState } from '../../index.ts'
import { NEGATIVE } from '../exit-code.ts'
import { failure } from '../failure.ts'
import {
  confirmed,
  declined,
  type MassOptions,
  massOptions,
  selectionOf,
  showOutcome,
} from '../mass-action.ts'
import { collectMessages, messageColumns } from '../message-list.ts'
import { noteOption, type QueryOptions, queryOptions, toQuery, wholeNumber } from '../options.ts'
import { showTrace } from '../trace-view.ts'
import { defineVerb, type VerbGroup } from '../verb.ts'

const DEAD: readonly MessageState[] = ['dead']

interface RedeliverOptions extends MassOptions {
  readonly rate?: number
  readonly fresh?: boolean
  readonly note: string
}

/** `linkspan dead`. */
export const dead: VerbGroup = {
  name: 'dead',
  summary: 'List, show, redeliver and drop dead letters',
  verbs: [
    defineVerb<QueryOptions & { readonly limit: number }>({
      usage: 'list',
      summary: 'List dead letters, the newest first',
      examples: ['linkspan dead list --flow orders --since 1d'],
      reach: 'engine',
      options: [...queryOptions(), wholeNumber('--limit <count>', 'at most so many').default(50)],
      run: ({ door, out, terminal }, _args, options) => {
        const query = { ...toQuery(options, terminal.now()), states: DEAD, children: true }
        return door.withReader(async (admin) => {
          const { items, next } = await collectMessages(admin, query, options.limit)
          out.list(items, messageColumns(terminal.now()), 'There is no dead letter.')
          if (next !== null) out.note('There are more: add a higher --limit.')
          return undefined
        })
      },
    }),
    defineVerb<{ readonly full?: boolean }>({
      usage: 'show <id>',
      summary: 'Show a dead letter: its body, its way and what it failed with',
      examples: ['linkspan dead show 3f-x1y2z3a4b5c6'],
      reach: 'engine',
      options: [new Option('--full', 'print bodies, requests and results whole')],
      run: ({ door, out }, [id = ''], { full }) =>
        door.withReader(async (admin) => {
          const trace = await admin.trace(id)
          if (trace.message.state !== 'dead')
            throw failure(
              NEGATIVE,
              `${id} is no dead letter, it is ${trace.message.state}. See linkspan trace ${id}.`,
            )
          if (out.json) out.document(trace)
          else {
            showTrace(out, trace, { full: full === true })
            out.note(`To send it again: linkspan dead redeliver ${id}`)
          }
          return undefined
        }),
    }),
    defineVerb<RedeliverOptions>({
      usage: 'redeliver [ids...]',
      summary: 'Send dead letters through their flow again',
      details: 'Effects that are on record are kept and not repeated, unless --fresh is given.',
      examples: [
        'linkspan dead redeliver 3f-x1y2z3a4b5c6',
        'linkspan dead redeliver --flow orders --since 2h --rate 20 --yes --note "tracker is back"',
      ],
      reach: 'engine',
      options: [
        ...massOptions('dead letters'),
        wholeNumber('--rate <count>', 'at most so many a second (default: 100)'),
        new Option('--fresh', 'repeat everything, also the effects that are on record'),
        new Option('--note <text>', 'why; kept with the message').default('redelivered by hand'),
      ],
      run: (context, ids, options) => {
        const selection = selectionOf(ids, options, DEAD, context.terminal.now())
        return context.door.withEngine(async (admin) => {
          if (!(await confirmed(context, admin, selection, 'Redeliver', options.yes === true)))
            throw declined()
          const outcome = await context.withProgress('redelivering', (progress) =>
            admin.redeliver(selection, {
              note: options.note,
              fresh: options.fresh === true,
              progress,
              ...(options.rate === undefined ? {} : { perSecond: options.rate }),
            }),
          )
          return showOutcome(context, outcome, 'Redelivered')
        })
      },
    }),
    defineVerb<MassOptions & { readonly note: string }>({
      usage: 'drop [ids...]',
      summary: 'Give up dead letters; they end as dropped',
      examples: ['linkspan dead drop --flow orders --until 2026-01-01 --yes --note "before the migration"'],
      reach: 'engine',
      options: [...massOptions('dead letters'), noteOption()],
      run: (context, ids, options) => {
        const selection = selectionOf(ids, options, DEAD, context.terminal.now())
        return context.door.withEngine(async (admin) => {
          if (!(await confirmed(context, admin, selection, 'Drop', options.yes === true))) throw declined()
          return showOutcome(context, await admin.drop(selection, options.note), 'Dropped')
        })
      },
    }),
  ],
}
