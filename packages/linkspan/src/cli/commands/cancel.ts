import { noteOption } from '../options.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan cancel`. */
export const cancel: Verb = defineVerb<{ readonly note: string }>({
  usage: 'cancel <id>',
  summary: 'Give up a message that is on its way; it ends as dropped',
  examples: ['linkspan cancel 3f-x1y2z3a4b5c6 --note "order was withdrawn"'],
  reach: 'engine',
  options: [noteOption()],
  run: async ({ door, out }, [id = ''], { note }) => {
    const { state } = await door.withEngine((admin) => admin.cancel(id, note))
    if (out.json) out.document({ id, state, note })
    else if (state === 'dropped') out.line(`${id} is dropped.`)
    else
      out.line(
        `${id} is in the middle of a call. It is dropped when the call ends; see linkspan trace ${id}.`,
      )
    return undefined
  },
})
