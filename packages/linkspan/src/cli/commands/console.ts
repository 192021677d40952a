import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan console`. */
export const console: Verb = defineVerb({
  usage: 'console',
  summary: 'Print the address of the console of the running engine; whoever opens it is signed in',
  details:
    'The address holds the token of the engine, so keep it to yourself. It stands behind the #, which browsers send to no server.',
  examples: ['linkspan console', 'linkspan console --json'],
  reach: 'engine',
  run: ({ door, dependencies, out }) =>
    door.withEngine(async (_admin, { url, token }) => {
      const { consoleLink } = await dependencies.library()
      const link = consoleLink(url, token)
      if (out.json) out.document({ url: link })
      else out.line(link)
      return undefined
    }),
})
