/**
 * An engine with one flow that splits a message into many children. Each child calls a sink that is in this process
 * and writes down, before it answers, which item it was; the split's end is written down too.
 * Usage: `node million-engine.ts <folder> <items> <first: 1 or 0>`; tells its parent how far it is and how much memory it has.
 */
import { argv } from 'node:process'
import { createEngine, defineProject, flow, inbox, sqlite } from 'linkspan'
import { effectsFile } from './effects-file.ts'
import { tellParent } from './tell-parent.ts'

const [, , folder = '.', itemsText = '', first = '1'] = argv
const items = Number(itemsText)
const effects = effectsFile(folder)

function* numbers(count: number): Generator<number> {
  for (let item = 0; item < count; item++) yield item
}

const big = flow('big')
  .from(inbox<{ items: number }>())
  .split(
    'items',
    (body) => numbers(body.items),
    (item) => item.map('shape', (number) => ({ item: number })).call('finish', effects.finish),
    {
      join: { as: 'sum', initial: () => 0, add: (sum, item) => sum + item },
    },
  )
  .to('end', effects.end, { input: (_body, { sum }) => ({ sum }) })

const engine = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [big] }), {
  directory: folder,
  outside: { logger: { log: () => undefined } },
})

await engine.start()
if (first === '1') await engine.send(big, { items })
tellParent(engine, () => ({ done: effects.done }))
