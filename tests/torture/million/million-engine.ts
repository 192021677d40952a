/**
 * An engine with one flow that splits a message into many children. Each child calls a sink that is in this process
 * and writes down, before it answers, which item it was; the split's end is written down too.
 * Usage: `node million-engine.ts <folder> <items> <first: 1 or 0>`; tells its parent how far it is and how much memory it has.
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { argv, exit, memoryUsage, pid } from 'node:process'
import { type Connector, createEngine, defineProject, flow, inbox, type Operation, sqlite } from 'linkspan'

const [, , folder = '.', itemsText = '', first = '1'] = argv
const items = Number(itemsText)

const file = openSync(join(folder, 'effects.log'), 'a')
let done = 0

const connector: Connector<unknown, null> = {
  name: 'file',
  spec: { summary: 'A log.', stability: 'stable', options: [] },
  config: { '~standard': { version: 1, vendor: 'torture', validate: (value) => ({ value }) } },
  connect: async () => null,
}
const connection = { name: 'file', connector, optional: true }

/** Repeating it would be seen: each call is one line, with the process that made it. */
const finish: Operation<{ readonly item: number }, number, { kind: 'key'; validFor: '1d' }> = {
  connection,
  name: 'finish',
  guarantee: { kind: 'key', validFor: '1d' },
  run: async (_client, { item }, { mark }) => {
    done += 1
    writeSync(file, `${item} ${mark} ${pid}\n`)
    return item
  },
}
const end: Operation<{ readonly sum: number }, undefined, { kind: 'key'; validFor: '1d' }> = {
  connection,
  name: 'end',
  guarantee: { kind: 'key', validFor: '1d' },
  run: async (_client, { sum }, { mark }) => {
    writeSync(file, `end ${mark} ${pid} ${sum}\n`)
    return undefined
  },
}

function* numbers(count: number): Generator<number> {
  for (let item = 0; item < count; item++) yield item
}

const big = flow('big')
  .from(inbox<{ items: number }>())
  .split(
    'items',
    (body) => numbers(body.items),
    (item) => item.map('shape', (number) => ({ item: number })).call('finish', finish),
    {
      join: { as: 'sum', initial: () => 0, add: (sum, item) => sum + item },
    },
  )
  .to('end', end, { input: (_body, { sum }) => ({ sum }) })

const engine = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [big] }), {
  directory: folder,
  outside: { logger: { log: () => undefined } },
})

process.on('disconnect', () => exit(1))
await engine.start()
if (first === '1') await engine.send(big, { items })

setInterval(async () => {
  const { messages } = await engine.admin.status()
  process.send?.({
    done,
    rss: memoryUsage().rss,
    ended: messages.done,
    dead: messages.dead + messages.inDoubt + messages.parked,
  })
}, 100)
