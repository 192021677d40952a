import { beforeEach, expect, it } from 'vitest'
import { seal } from '../../../packages/linkspan/src/journal/envelope.ts'
import type { Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { rootId } from '../../../packages/linkspan/src/model/message-id.ts'
import {
  bytes,
  childOf,
  ending,
  newMessage,
  type Owner,
  ownerOf,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { databasePerTest } from './databases.ts'

const database = databasePerTest()
let journal: Journal
let owner: Owner

/** A root (1), its child (2), one that ended (3), one that waits (4); all sealed as the engine seals them. */
beforeEach(async () => {
  journal = await database.open()
  owner = ownerOf(journal)
  const token = 'abcdefghijkl'
  const body = seal(bytes('body'), `b:${token}`)
  const parent = { seq: 1, id: rootId(1, token) }
  await owner.accept({ token, body })
  await owner.accept(
    childOf(parent, 'split', 0, { body: seal(bytes('child'), `b:${parent.id}:split:0`) }),
    { token, body },
    { token, body, ready: true },
  )
  await owner.commit({
    records: [{ seq: 1, n: 0, frame: seal(bytes('frame'), 'r:1:0') }],
    settle: [ending(3, { n: 0, frame: seal(bytes('end'), 'r:3:0') })],
    state: [{ scope: 's', key: 'k', value: seal(bytes('v'), 's:s:k'), until: null }],
  })
  expect(await journal.history.verify(() => {})).toEqual([])
})

/** Turns the last byte of a value. */
const flip = (table: string, column: string, where: string): string =>
  `UPDATE linkspan.${table} SET ${column} = set_byte(${column}, length(${column}) - 1, 255 - get_byte(${column}, length(${column}) - 1))
   WHERE ${where}`

it.each([
  ['a body', flip('messages', 'body', 'seq = 1'), 'message 1', 'its checksum is'],
  ['a child’s body', flip('messages', 'body', 'seq = 2'), 'message 2', 'its checksum is'],
  [
    'a body that lies where another belongs',
    "UPDATE linkspan.messages SET token = 'other' WHERE seq = 1",
    'message 1',
    'b:other',
  ],
  ['a body that was cut', "UPDATE linkspan.messages SET body = '\\x00' WHERE seq = 1", 'message 1', 'it'],
  ['headers', "UPDATE linkspan.messages SET headers = '{' WHERE seq = 1", 'message 1', 'not JSON'],
  ['a frame', flip('records', 'frame', 'seq = 1'), 'record of message 1', 'its checksum is'],
  ['an ending', flip('settlements', 'frame', 'seq = 3'), 'ending of message 3', 'its checksum is'],
  ['state', flip('state', 'value', 'true'), 'state "k" of "s"', 'its checksum is'],
  [
    'a message that is gone',
    'DELETE FROM linkspan.messages WHERE seq = 3',
    'message 3',
    'it ended, but is missing',
  ],
  [
    'a waiting one that is gone',
    'DELETE FROM linkspan.messages WHERE seq = 4',
    'message 4',
    'it waits, but is missing',
  ],
  [
    'a parent that is gone',
    'DELETE FROM linkspan.messages WHERE seq = 1',
    'message 1',
    'its children are open',
  ],
  [
    'one that waits and ended',
    "INSERT INTO linkspan.settlements SELECT 4, 1, flow, 1, 0, 0, false, '' FROM linkspan.messages WHERE seq = 4",
    'message 4',
    'it waits, although it ended',
  ],
  ['a place that was not given', 'UPDATE linkspan.head SET last_seq = 3', 'message 4', 'was not given'],
  ['a wait that is gone', 'DELETE FROM linkspan.waits', 'waits', '1 were counted, 0 are there'],
  ['an ending that is gone', 'DELETE FROM linkspan.settlements', 'endings', '1 were counted, 0 are there'],
  ['a count of children', 'DELETE FROM linkspan.families', 'open children', '0 were counted, 1 are there'],
  ['a name', "DELETE FROM linkspan.names WHERE name = 'orders'", 'name', 'messages refer to it'],
  ['a table', 'DROP TABLE linkspan.state CASCADE', 'state', 'does not exist'],
])('sees that %s is damaged', async (_what, statement, where, what) => {
  await database.ask(statement)
  const found = await journal.history.verify(() => {})
  expect(found.length).toBeGreaterThan(0)
  expect(
    found.some((one) => one.where.startsWith(where) && one.what.includes(what)),
    JSON.stringify(found),
  ).toBe(true)
})

it('a message whose name is gone is not acted on, and is shown to people with what is wrong', async () => {
  await database.ask("DELETE FROM linkspan.names WHERE name = 'orders'")
  const reader = await postgres({ url: database.url }).openForReading(database.environment)
  await expect(reader.messages.load([3])).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
  const [shown] = await reader.history.query({ limit: 1 })
  expect(shown).toMatchObject({ seq: 4, damaged: expect.stringContaining('is missing') })
  expect(Buffer.from(shown?.body as Uint8Array).equals(seal(bytes('body'), 'b:abcdefghijkl'))).toBe(true)
  expect(newMessage().flow).toBe('orders')
  await reader.close()
})

it('a child that is sent again after its parent was forgotten is no damage', async () => {
  await owner.commit({ settle: [ending(1), ending(2, { ending: 'dead' })], lowWater: 4 })
  while ((await journal.history.prune(9_000, 0, 9_000, 10)) > 0);
  expect((await journal.messages.load([1, 2, 3, 4])).map(({ seq }) => seq)).toEqual([2, 4])
  await owner.commit({ revive: [wait(2, { parent: 1 })] })
  expect(await journal.history.verify(() => {})).toEqual([])
})
