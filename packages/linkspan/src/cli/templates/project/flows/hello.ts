import { flow, route } from 'linkspan'
import { folder } from 'linkspan/files'
import { z } from 'zod'

const out = folder('out')

/** Each line carries the mark of its call, so that after a crash the file can be asked whether it is there. */
const greetings = out.append({
  name: 'greetings',
  file: 'greetings.ndjson',
  guarantee: { kind: 'verify', settleAfter: 0 },
})

/** POST /hello with { "name": "Ada" } appends a greeting to data/out/greetings.ndjson. */
export const hello = flow('hello')
  .from(route.post('/hello', { schema: z.object({ name: z.string().min(1) }) }), {
    key: (person) => person.name,
    index: { name: (person) => person.name },
  })
  .map('greeting', (person) => ({ text: `Hello ${person.name}` }))
  .to('keep', greetings, { input: (greeting) => greeting })
