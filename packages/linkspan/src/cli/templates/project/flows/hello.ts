import { flow, route } from 'linkspan'
import { filesConnection } from 'linkspan/files'
import { z } from 'zod'

const out = filesConnection('out')

/** POST /hello with { "name": "Ada" } appends a greeting to data/out/greetings.ndjson. */
export const hello = flow('hello')
  .from(route.post('/hello', { schema: z.object({ name: z.string().min(1) }) }), {
    key: (person) => person.name,
    index: { name: (person) => person.name },
  })
  .map('greeting', (person) => ({ text: `Hello ${person.name}` }))
  .to('keep', out.append, { input: (greeting) => ({ file: 'greetings.ndjson', record: greeting }) })
