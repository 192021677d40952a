/**
 * An engine that is sent many messages, by itself, which are one group: folded into what is known of all, or stored and
 * then split, with a call for each.
 * Usage: `node gather-engine.ts <folder> <fold, stored or held> <members> <from>`: `held` folds, and keeps all members in
 * memory besides; `from` is the first that may not have been sent yet.
 */
import { argv } from 'node:process'
import { createEngine, defineProject, flow, inbox, sqlite } from 'linkspan'
import { effectsFile } from './effects-file.ts'
import { tellParent } from './tell-parent.ts'

interface Member {
  readonly n: number
  readonly text: string
}

const [, , folder = '.', how = 'fold', membersText = '', fromText = '0'] = argv
const members = Number(membersText)
const effects = effectsFile(folder)
const held: string[] = []
/** What is done with squares stays a whole number that JSON keeps. */
const PRIME = 2_147_483_647
/** So many are sent at once. */
const UNDER_WAY = 2_000
const TEXT_LENGTH = 300

const folded = flow('folded')
  .from(inbox<Member>())
  .map('look', (member) => {
    if (how === 'held') held.push(JSON.stringify(member))
    return member
  })
  .aggregate('all', {
    key: () => 'one',
    initial: () => ({ sum: 0, squares: 0 }),
    add: ({ sum, squares }, { n }) => ({
      sum: sum + n,
      squares: (squares + Number((BigInt(n) * BigInt(n)) % BigInt(PRIME))) % PRIME,
    }),
    complete: { size: members, maxAge: '1d' },
    result: ({ sum, squares }, { count }) => ({ count, sum, squares }),
  })
  .to('end', effects.end)

const stored = flow('stored')
  .from(inbox<Member>())
  .aggregate('all', { key: () => 'one', collect: 'stored', complete: { size: members, maxAge: '1d' } })
  .split(
    'each',
    (all) => all,
    (each) => each.map('shape', ({ n }) => ({ item: n })).call('finish', effects.finish),
    { join: { as: 'sum', initial: () => 0, add: (sum, item) => sum + item } },
  )
  .to('end', effects.end, { input: ({ count }, { sum }) => ({ count, sum }) })

const flows = how === 'stored' ? stored : folded
const engine = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [flows] }), {
  directory: folder,
  outside: { logger: { log: () => undefined } },
})

let sent = Number(fromText)
await engine.start()
tellParent(engine, () => ({ done: effects.done, sent }))
while (sent < members) {
  const count = Math.min(UNDER_WAY, members - sent)
  await Promise.all(Array.from({ length: count }, (_, at) => send(sent + at)))
  sent += count
}

/** One that was accepted before the engine was killed, and not known to be, is recognised. */
function send(n: number): Promise<unknown> {
  return engine.send(flows, { n, text: `${n} `.padEnd(TEXT_LENGTH, 'x') }, { dedupeKey: String(n) })
}
