import { InvalidArgumentError, Option } from 'commander'
import { collectMessages, messageColumns } from '../message-list.ts'
import { type QueryOptions, queryOptions, stateOption, toQuery, wholeNumber } from '../options.ts'
import { defineVerb, type Verb } from '../verb.ts'

interface Options extends QueryOptions {
  readonly limit: number
  readonly children?: boolean
  readonly oldest?: boolean
  readonly after?: string
}

/** `linkspan messages`. */
export const messages: Verb = defineVerb<Options>({
  usage: 'messages',
  summary: 'List messages, the newest first',
  details:
    'Works with a running engine, and without one on the journal it left. With --json, {"next":cursor} on stderr says that there are more.',
  examples: [
    'linkspan messages --flow hello --state dead,inDoubt --since 2h',
    'linkspan messages --index pr=42 --json',
  ],
  reach: 'engine',
  options: [
    ...queryOptions(),
    stateOption(),
    wholeNumber('--limit <count>', 'at most so many').default(50),
    new Option('--children', 'also messages that steps made'),
    new Option('--oldest', 'the oldest first'),
    new Option('--after <cursor>', 'go on where an earlier list ended').argParser(parseCursor),
  ],
  run: ({ door, out, terminal }, _args, options) => {
    const query = {
      ...toQuery(options, terminal.now()),
      ...(options.children ? { children: true } : {}),
      ...(options.oldest ? { order: 'oldest' as const } : {}),
      ...(options.after === undefined ? {} : { after: options.after }),
    }
    return door.withReader(async (admin) => {
      const { items, next } = await collectMessages(admin, query, options.limit)
      out.list(items, messageColumns(terminal.now()), 'No message fits.')
      if (next !== null) {
        if (out.json) terminal.stderr.write(`${JSON.stringify({ next })}\n`)
        else out.note(`There are more: add --after ${next}, or a higher --limit.`)
      }
      return undefined
    })
  },
})

function parseCursor(text: string): string {
  if (/^[0-9a-z]+$/.test(text)) return text
  throw new InvalidArgumentError('Write the cursor that an earlier list ended with.')
}
