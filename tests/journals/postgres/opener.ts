/** Opens the journal at a URL in a process of its own, says what came of it, and waits to be killed. */
import { argv, pid } from 'node:process'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { begun, freshEnvironment } from './rig.ts'

const { environment } = freshEnvironment()
const url = argv[2] as string
const said = await begun(postgres({ url }).open(environment)).then(
  () => 'opened',
  (error: { code?: string }) => String(error.code ?? error),
)
console.log(`${pid} ${said}`)
setInterval(() => {}, 1000)
