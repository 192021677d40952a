import { Option } from 'commander'
import type { Selection } from '../../index.ts'
import { NEGATIVE, OK } from '../exit-code.ts'
import { wrongUse } from '../failure.ts'
import { type QueryOptions, queryOptions, stateOption, toQuery } from '../options.ts'
import { showReplay } from '../replay-view.ts'
import { defineVerb, type Verb } from '../verb.ts'

interface Options extends QueryOptions {
  readonly diff?: boolean
}

/** `linkspan replay`. */
export const replay: Verb = defineVerb<Options>({
  usage: 'replay [ids...]',
  summary: 'Run recorded messages through the code on disk and say what would now be sent differently',
  details:
    'Sends nothing: outgoing calls are answered from the record. It reads the journal beside a running engine, so the code on disk is what is tried. Like diff, it exits with 1 when there are differences.',
  examples: ['linkspan replay --since 1d --flow orders --diff', 'linkspan replay 3f-x1y2z3a4b5c6 --json'],
  reach: 'engine',
  options: [
    ...queryOptions(),
    stateOption(),
    new Option('--diff', 'show the fields that differ, for some messages of each group'),
  ],
  run: (context, ids, options) => {
    const selection = choose(ids, options, context.terminal.now())
    return context.door.withPresentCode(async (admin) => {
      const report = await context.withProgress('replaying', (progress) => admin.replay(selection, progress))
      if (context.out.json) context.out.document(report)
      else showReplay(context.out, report, options.diff === true)
      return report.differences.length === 0 ? OK : NEGATIVE
    })
  },
})

function choose(ids: readonly string[], options: Options, now: number): Selection {
  const query = toQuery(options, now)
  const filtered = Object.keys(query).length > 0
  if (ids.length > 0 && filtered) throw wrongUse('Name messages by id, or choose them by options: not both.')
  if (ids.length > 0) return { ids }
  if (!filtered)
    throw wrongUse('Say which messages: --since 1d, or another option that chooses them, or ids.')
  return { query }
}
