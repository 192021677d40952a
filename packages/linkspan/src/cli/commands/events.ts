import { defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan events`. */
export const events: VerbGroup = {
  name: 'events',
  summary: 'List the events that flows wait for or raise',
  verbs: [
    defineVerb({
      usage: 'list',
      summary: 'List the events, and how many nobody took as long as they were kept',
      examples: ['linkspan events list'],
      reach: 'engine',
      run: ({ door, out }) =>
        door.withReader(async (admin) => {
          const { events: all } = await admin.status()
          out.list(
            all,
            [
              { title: 'EVENT', value: ({ event }) => event, flexible: true },
              {
                title: 'EXPIRED',
                value: ({ expired }) => String(expired),
                align: 'right',
                tone: ({ expired }) => (expired > 0 ? 'warn' : null),
              },
            ],
            'No flow waits for or raises an event.',
          )
          return undefined
        }),
    }),
  ],
}
