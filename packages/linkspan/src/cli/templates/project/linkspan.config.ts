import { defineProject, sqlite } from 'linkspan'
import { hello } from './flows/hello.ts'

export default defineProject({
  journal: sqlite('data/journal.db'),
  connections: { out: { path: 'data/out' } },
  flows: [hello],
  http: { port: 7070 },
})
