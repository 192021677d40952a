import { Option } from 'commander'
import type { HeldKey } from '../../index.ts'
import { noteOption, wholeNumber } from '../options.ts'
import type { Column } from '../output.ts'
import { formatAge } from '../time.ts'
import { faultText } from '../trace-view.ts'
import { defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan keys`. */
export const keys: VerbGroup = {
  name: 'keys',
  summary: 'List keys that are held by a message, and free one',
  verbs: [
    defineVerb<{ readonly flow?: string; readonly limit: number }>({
      usage: 'list',
      summary: 'List keys that are held, by which message and why',
      examples: ['linkspan keys list --flow orders'],
      reach: 'engine',
      options: [
        new Option('--flow <name>', 'only of this flow'),
        wholeNumber('--limit <count>', 'at most so many').default(50),
      ],
      run: ({ door, out, terminal }, _args, { flow, limit }) =>
        door.withReader(async (admin) => {
          out.list(await admin.keys(flow ?? null, limit), columns(terminal.now()), 'No key is held.')
          return undefined
        }),
    }),
    defineVerb<{ readonly note: string }>({
      usage: 'skip <flow> <key>',
      summary: 'Put the message that holds a key aside as a dead letter, so that the key moves on',
      examples: ['linkspan keys skip orders customer-17 --note "address is broken, asked sales"'],
      reach: 'engine',
      options: [noteOption()],
      run: async ({ door, out }, [flow = '', key = ''], { note }) => {
        const message = await door.withEngine((admin) => admin.skipKey(flow, key, note))
        if (out.json) out.document(message)
        else out.line(`${message.id} is a dead letter now, and ${flow} goes on with key ${key}.`)
        return undefined
      },
    }),
  ],
}

function columns(now: number): readonly Column<HeldKey>[] {
  return [
    { title: 'FLOW', value: ({ flow }) => flow, flexible: true },
    { title: 'KEY', value: ({ key }) => key, flexible: true },
    { title: 'HELD BY', value: ({ by }) => by },
    {
      title: 'WHY',
      value: ({ reason, wakeAt }) => (wakeAt === null ? reason : `${reason} ${formatAge(wakeAt, now)}`),
    },
    { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), align: 'right' },
    { title: 'BEHIND', value: ({ behind }) => String(behind), align: 'right' },
    { title: 'ERROR', value: ({ error }) => (error === null ? '' : faultText(error)), flexible: true },
  ]
}
