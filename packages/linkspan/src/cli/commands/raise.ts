import { Option } from 'commander'
import { showAccepted } from '../accepted-view.ts'
import { readJsonArgument } from '../json-argument.ts'
import { addPair } from '../options.ts'
import { defineVerb, type Verb } from '../verb.ts'

interface Options {
  readonly header?: Readonly<Record<string, string>>
  readonly dedupe?: string
}

/** `linkspan raise`. */
export const raise: Verb = defineVerb<Options>({
  usage: 'raise <event> <key> [value]',
  summary: 'Raise an event for a key, so that the message that waits for it goes on',
  details:
    'The value is JSON: in the argument, from a file with @file, from stdin with -; null without it. When nobody waits for it, it is kept as long as its declaration says.',
  examples: [
    `linkspan raise approved order-17 '{"by":"Ada"}'`,
    'linkspan raise paid invoice-3 @payment.json --dedupe payment-88',
  ],
  reach: 'engine',
  options: [
    new Option('--header <name=value>', 'a header; repeatable').argParser(addPair),
    new Option('--dedupe <key>', 'a repeated one is answered with the first and not raised again'),
  ],
  run: async ({ door, out, terminal }, [event = '', key = '', argument], { header, dedupe }) => {
    const value = argument === undefined ? null : await readJsonArgument(terminal, argument, 'The value')
    const accepted = await door.withEngine((admin) =>
      admin.raise(event, key, value, {
        ...(header === undefined ? {} : { headers: header }),
        ...(dedupe === undefined ? {} : { dedupeKey: dedupe }),
      }),
    )
    showAccepted(out, accepted, `${event} is raised for ${key}. See linkspan trace ${accepted.id}`)
    return undefined
  },
})
