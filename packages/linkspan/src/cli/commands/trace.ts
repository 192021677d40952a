import { Option } from 'commander'
import { showTrace } from '../trace-view.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan trace`. */
export const trace: Verb = defineVerb<{ readonly full?: boolean }>({
  usage: 'trace <id>',
  summary: 'Show the way of one message: each step, what it changed, its outcome, attempts and time',
  examples: ['linkspan trace 3f-x1y2z3a4b5c6', 'linkspan trace 3f-x1y2z3a4b5c6 --json'],
  reach: 'engine',
  options: [new Option('--full', 'print bodies, requests and results whole')],
  run: ({ door, out }, [id = ''], { full }) =>
    door.withReader(async (admin) => {
      const found = await admin.trace(id)
      if (out.json) out.document(found)
      else showTrace(out, found, { full: full === true })
      return undefined
    }),
})
