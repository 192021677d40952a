import { Option } from 'commander'
import { defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan groups`. */
export const groups: VerbGroup = {
  name: 'groups',
  summary: 'Complete groups of an aggregate step before their time',
  verbs: [
    defineVerb<{ readonly key?: string }>({
      usage: 'complete <flow> <step>',
      summary: 'Complete the groups that an aggregate step has, all or the one of a key',
      details: 'The step is named by its path, as linkspan graph and linkspan trace show it.',
      examples: [
        "linkspan groups complete bills 'by customer' --key ada",
        "linkspan groups complete bills 'by customer'",
      ],
      reach: 'engine',
      options: [new Option('--key <key>', 'only the group of this correlation key')],
      run: async ({ door, out }, [flow = '', step = ''], { key }) => {
        const done = await door.withEngine((admin) => admin.completeGroups(flow, step, key ?? null))
        if (out.json) out.document(done)
        else if (done.groups === null) out.line(`It is under way. See linkspan trace ${done.id}`)
        else out.line(`${done.groups} ${done.groups === 1 ? 'group goes' : 'groups go'} on.`)
        return undefined
      },
    }),
  ],
}
