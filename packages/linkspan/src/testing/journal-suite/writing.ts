import assert from 'node:assert/strict'
import { isLinkspanError } from '../../model/errors.ts'
import { childId, rootId } from '../../model/message-id.ts'
import { bytes, childOf, type Declare, ending, newMessage, range, text, wait } from './harness.ts'

/** What `commit` must do, and what must then be readable. */
export function testWriting(declare: Declare): void {
  declare('gives places in the order of acceptance, without gaps', async ({ accept }) => {
    assert.deepEqual(await accept({}, {}, {}), [1, 2, 3])
    assert.deepEqual(await accept({}, {}), [4, 5])
  })

  declare('reads back all of a message', async ({ journal, accept }) => {
    const headers = { 'content-type': 'text/plain', 'x-höhe': '3 m 🗻' }
    const token = 'tokentoken12'
    const [seq = 0] = await accept({
      key: 'k',
      token,
      headers,
      acceptedAt: 77,
      codeVersion: 'v9',
      body: bytes('hé'),
    })
    const [found] = await journal.messages.load([seq])
    assert.deepEqual(
      { ...found, body: text(found?.body ?? null) },
      {
        seq,
        id: rootId(seq, token),
        flow: 'orders',
        key: 'k',
        acceptedAt: 77,
        codeVersion: 'v9',
        headers,
        body: 'hé',
        parent: null,
        partition: 0,
        frames: [],
        nextFrame: 0,
        wait: null,
        ending: null,
      },
    )
  })

  declare('keeps empty and unusual values apart', async ({ journal, accept }) => {
    const keys = [null, '', '\u0000', 'a\u0000b', 'ключ', '🗝️', "'; DROP TABLE messages; --", ' ']
    const places = await accept(...keys.map((key) => ({ key, flow: `flow ${key}`, body: new Uint8Array(0) })))
    const found = await journal.messages.load(places)
    assert.deepEqual(
      found.map(({ key }) => key),
      keys,
    )
    assert.deepEqual(
      found.map(({ flow }) => flow),
      keys.map((key) => `flow ${key}`),
    )
    assert.deepEqual(
      found.map(({ body }) => body?.byteLength),
      keys.map(() => 0),
    )
  })

  declare('keeps bodies of any size, byte for byte', async ({ journal, accept }) => {
    const sizes = [0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 1_048_576]
    const bodies = sizes.map((size, at) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + at) & 255))
    const places = await accept(...bodies.map((body) => ({ body })))
    const found = await journal.messages.load(places)
    for (const [at, body] of bodies.entries())
      assert.equal(Buffer.compare(found[at]?.body as Uint8Array, body), 0, `a body of ${sizes[at]} bytes`)
  })

  declare('writes a repeated batch once and answers the same', async (owner) => {
    const { journal, commit } = owner
    const dedupe = { scope: 's', key: 'k', until: 5000 }
    const first = await commit({ accept: [newMessage(), newMessage({ dedupe }), newMessage({ dedupe })] })
    assert.deepEqual(await journal.commit(owner.lastBatch), first)
    assert.deepEqual(await journal.commit(owner.lastBatch), first)
    assert.equal((await journal.history.query({ limit: 100 })).length, 2)
    assert.deepEqual((await commit({ accept: [newMessage()] })).accepted, [{ seq: 3, duplicateOf: null }])
  })

  declare('loads those places that exist, each once, in their order', async ({ journal, accept }) => {
    await accept({}, {}, {})
    const found = await journal.messages.load([3, 99, 1, 3, 0])
    assert.deepEqual(
      found.map(({ seq }) => seq),
      [1, 3],
    )
    assert.deepEqual(await journal.messages.load([]), [])
  })

  declare('finds a message by its id and by nothing less', async ({ journal, accept }) => {
    const [seq = 0] = await accept({ token: 'aaaaaaaaaaaa' })
    assert.equal((await journal.messages.find(rootId(seq, 'aaaaaaaaaaaa')))?.seq, seq)
    assert.equal(await journal.messages.find(rootId(seq, 'bbbbbbbbbbbb')), null)
    assert.equal(await journal.messages.find(rootId(seq + 1, 'aaaaaaaaaaaa')), null)
    await assert.rejects(journal.messages.find('no id'), (error) => isLinkspanError(error, 'MESSAGE_UNKNOWN'))
  })

  declare(
    'keeps the frames of a record in their order, the ending’s last',
    async ({ journal, accept, commit }) => {
      const [seq = 0] = await accept({})
      const frame = (n: number) => ({ seq, n, frame: bytes(`frame ${n}`) })
      await commit({ records: [frame(1), frame(0)] })
      await commit({
        records: [frame(2)],
        settle: [ending(seq, { n: 3, frame: bytes('frame 3'), attempt: 4, reason: 'why' })],
      })
      const [found] = await journal.messages.load([seq])
      assert.deepEqual(found?.frames.map(text), ['frame 0', 'frame 1', 'frame 2', 'frame 3'])
      assert.equal(found?.nextFrame, 4)
      assert.deepEqual(found?.ending, { ending: 'done', endedAt: 2000, attempt: 4, reason: 'why' })
    },
  )

  declare(
    'gives the next frame’s number also when an ending has no frame',
    async ({ journal, accept, commit }) => {
      const [a = 0, b = 0] = await accept({}, {})
      await commit({
        records: [{ seq: a, n: 0, frame: bytes('x') }],
        settle: [ending(a, { n: 1 }), ending(b)],
      })
      assert.deepEqual(
        (await journal.messages.load([a, b])).map(({ nextFrame }) => nextFrame),
        [1, 0],
      )
    },
  )

  declare('removes the wait of a message that ends', async ({ journal, accept, commit }) => {
    const [seq = 0] = await accept({ ready: true })
    assert.equal((await journal.messages.load([seq]))[0]?.wait?.reason, 'ready')
    await commit({ settle: [ending(seq)] })
    assert.equal((await journal.messages.load([seq]))[0]?.wait, null)
    assert.deepEqual(await journal.backlog.page('orders', 0, 10), [])
    assert.deepEqual(await journal.backlog.count(), [])
  })

  declare(
    'replaces an ending, and keeps the frame that came with it',
    async ({ journal, accept, commit }) => {
      const [seq = 0] = await accept({})
      await commit({ settle: [ending(seq, { ending: 'dead', frame: bytes('one'), n: 0 })] })
      await commit({ settle: [ending(seq, { ending: 'dropped', frame: bytes('two'), n: 1 })] })
      const [found] = await journal.messages.load([seq])
      assert.equal(found?.ending?.ending, 'dropped')
      assert.deepEqual(found?.frames.map(text), ['one', 'two'])
      assert.deepEqual(await journal.history.totals(), [
        { flow: 'orders', ending: 'dropped', child: false, count: 1 },
      ])
    },
  )

  declare('takes an ending back and keeps its frame', async ({ journal, accept, commit }) => {
    const [seq = 0] = await accept({ key: 'k' })
    await commit({ settle: [ending(seq, { ending: 'dead', frame: bytes('first end'), n: 0 })] })
    await commit({ revive: [wait(seq, { key: 'k', attempt: 1 })] })
    const [found] = await journal.messages.load([seq])
    assert.equal(found?.ending, null)
    assert.deepEqual(found?.wait, wait(seq, { key: 'k', attempt: 1 }))
    assert.deepEqual(found?.frames.map(text), ['first end'])
    assert.equal(found?.nextFrame, 1)
    assert.deepEqual(await journal.history.totals(), [])
    assert.deepEqual(
      (await journal.backlog.page('orders', 0, 10)).map(({ seq }) => seq),
      [seq],
    )
    await commit({ settle: [ending(seq, { frame: bytes('second end'), n: 1 })] })
    assert.deepEqual((await journal.messages.load([seq]))[0]?.frames.map(text), ['first end', 'second end'])
  })

  declare('leaves an ended message ended when a wait comes too late', async ({ journal, accept, commit }) => {
    const [seq = 0] = await accept({})
    await commit({ settle: [ending(seq)] })
    await commit({ waits: [wait(seq)] })
    const [found] = await journal.messages.load([seq])
    assert.equal(found?.wait, null)
    assert.equal(found?.ending?.ending, 'done')
  })

  declare('leaves out what concerns a message that does not exist', async ({ journal, commit }) => {
    await commit({ settle: [ending(7)], waits: [wait(8)], revive: [wait(9)] })
    assert.deepEqual(await journal.history.totals(), [])
    assert.deepEqual(await journal.backlog.count(), [])
  })

  declare('writes all of a batch or nothing', async ({ journal, accept, commit }) => {
    const [seq = 0] = await accept({})
    await commit({ records: [{ seq, n: 0, frame: bytes('x') }] })
    const repeated = { seq, n: 0, frame: bytes('again') }
    await assert.rejects(
      commit({
        accept: [newMessage({ flow: 'new flow' })],
        records: [repeated],
        cursors: [{ name: 'c', value: '1' }],
      }),
      (error) => isLinkspanError(error, 'JOURNAL_FAILED'),
    )
    assert.equal(await journal.cursors.get('c'), null)
    assert.deepEqual(await journal.messages.load([seq + 1]), [])
    assert.deepEqual(await accept({ flow: 'new flow' }), [seq + 1])
  })
  testDedupe(declare)
  testChildren(declare)
  testState(declare)
}

function testDedupe(declare: Declare): void {
  const dedupe = (until: number, key = 'k', scope = 's') => ({ scope, key, until })

  declare('refuses a key that it remembers, in the same batch and later', async ({ accept, commit }) => {
    const token = 'firstfirst12'
    const first = newMessage({ token, dedupe: dedupe(5000) })
    const repeat = newMessage({ dedupe: dedupe(5000), acceptedAt: 4999 })
    const { accepted } = await commit({ accept: [first, repeat, newMessage()] })
    const duplicateOf = { seq: 1, id: rootId(1, token) }
    assert.deepEqual(accepted, [
      { seq: 1, duplicateOf: null },
      { seq: 1, duplicateOf },
      { seq: 2, duplicateOf: null },
    ])
    assert.deepEqual((await commit({ accept: [repeat] })).accepted, [{ seq: 1, duplicateOf }])
    assert.deepEqual(await accept({}), [3])
  })

  declare('forgets a key at its time', async ({ commit }) => {
    await commit({ accept: [newMessage({ dedupe: dedupe(5000) })] })
    const late = newMessage({ dedupe: dedupe(9000), acceptedAt: 5000 })
    assert.deepEqual((await commit({ accept: [late] })).accepted, [{ seq: 2, duplicateOf: null }])
    const later = newMessage({ dedupe: dedupe(9000), acceptedAt: 8999 })
    assert.equal((await commit({ accept: [later] })).accepted[0]?.duplicateOf?.seq, 2)
  })

  declare('keeps scopes and keys of dedupe apart', async ({ commit }) => {
    const pairs = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['', 'abc'],
      ['abc', ''],
    ] as const
    const accept = pairs.map(([scope, key]) => newMessage({ dedupe: dedupe(5000, key, scope) }))
    const { accepted } = await commit({ accept })
    assert.deepEqual(
      accepted.map(({ duplicateOf }) => duplicateOf),
      [null, null, null, null],
    )
  })
}

function testChildren(declare: Declare): void {
  declare('reads children in the order of step and index', async ({ journal, accept }) => {
    const [root = 0] = await accept({ token: 'rootrootroot' })
    const parent = { seq: root, id: rootId(root, 'rootrootroot') }
    const made = [
      ['b', 0],
      ['a', 10],
      ['a', 2],
      ['a', 0],
    ] as const
    await accept(...made.map(([path, index]) => childOf(parent, path, index)))
    const read = async (path: string | null, from: number, limit: number) =>
      (await journal.messages.children(root, path, from, limit)).map((child) => [
        child.parent?.path,
        child.parent?.index,
      ])
    assert.deepEqual(await read(null, 0, 10), [
      ['a', 0],
      ['a', 2],
      ['a', 10],
      ['b', 0],
    ])
    assert.deepEqual(await read('a', 1, 10), [
      ['a', 2],
      ['a', 10],
    ])
    assert.deepEqual(await read('a', 0, 2), [
      ['a', 0],
      ['a', 2],
    ])
    assert.deepEqual(await read('c', 0, 2), [])
  })

  declare('finds children of children by id', async ({ journal, accept }) => {
    const [root = 0] = await accept({ token: 'rootrootroot' })
    const rootOf = { seq: root, id: rootId(root, 'rootrootroot') }
    const [child = 0] = await accept(childOf(rootOf, 'split/über', 3))
    const childIdOf = childId(rootOf.id, 'split/über', 3)
    const [grandchild = 0] = await accept(childOf({ seq: child, id: childIdOf }, 'inner', 0))
    const id = childId(childIdOf, 'inner', 0)
    assert.equal((await journal.messages.find(id))?.seq, grandchild)
    assert.equal((await journal.messages.load([grandchild]))[0]?.id, id)
    assert.equal(await journal.messages.find(childId(childIdOf, 'inner', 1)), null)
    assert.equal(await journal.messages.find(childId(rootId(root, 'otherother12'), 'split/über', 3)), null)
  })

  declare('counts open children through ending and revival', async ({ journal, accept, commit }) => {
    const [root = 0] = await accept({ token: 'rootrootroot' })
    const parent = { seq: root, id: rootId(root, 'rootrootroot') }
    const open = () => journal.messages.openChildren(root, 'split')
    assert.equal(await open(), 0)
    const children = await accept(...range(0, 2).map((i) => childOf(parent, 'split', i, { ready: i === 1 })))
    await accept(childOf(parent, 'other', 0))
    assert.equal(await open(), 3)
    await commit({ settle: children.slice(0, 2).map((seq) => ending(seq, { ending: 'dead' })) })
    assert.equal(await open(), 1)
    await commit({ revive: [wait(children[0] as number)] })
    assert.equal(await open(), 2)
    await commit({ settle: [children[0], children[2]].map((seq) => ending(seq as number)) })
    assert.equal(await open(), 0)
  })

  declare('answers a child that is there already as a duplicate', async ({ accept, commit }) => {
    const [root = 0] = await accept({ token: 'rootrootroot' })
    const child = newMessage(childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 'split', 0))
    assert.deepEqual((await commit({ accept: [child] })).accepted, [{ seq: 2, duplicateOf: null }])
    const duplicateOf = { seq: 2, id: childId(rootId(root, 'rootrootroot'), 'split', 0) }
    assert.deepEqual((await commit({ accept: [child] })).accepted, [{ seq: 2, duplicateOf }])
  })
}

function testState(declare: Declare): void {
  const cell = (key: string, value: string | null, until: number | null = null, scope = 's') => ({
    scope,
    key,
    value: value === null ? null : bytes(value),
    until,
  })

  declare('lets the last change of a cell win, within a batch and after', async ({ journal, commit }) => {
    await commit({ state: [cell('a', '1'), cell('a', '2'), cell('b', '1'), cell('b', null), cell('', '')] })
    assert.equal(text(await journal.state.get('s', 'a')), '2')
    assert.equal(await journal.state.get('s', 'b'), null)
    assert.equal(text(await journal.state.get('s', '')), '')
    assert.equal(await journal.state.get('other', 'a'), null)
    await commit({ state: [cell('a', null), cell('b', '3')] })
    assert.equal(await journal.state.get('s', 'a'), null)
    assert.equal(text(await journal.state.get('s', 'b')), '3')
  })

  declare('lists cells in the order of their keys’ bytes, page by page', async ({ journal, commit }) => {
    const keys = ['a', 'b', 'é', '\uffff', '😀']
    await commit({ state: [...keys].reverse().map((key) => cell(key, `of ${key}`)) })
    await commit({ state: [cell('x', 'elsewhere', null, 't')] })
    const first = await journal.state.list('s', '', 2)
    assert.deepEqual(
      first.map(({ key, value }) => [key, text(value)]),
      [
        ['a', 'of a'],
        ['b', 'of b'],
      ],
    )
    const rest = await journal.state.list('s', 'b', 10)
    assert.deepEqual(
      rest.map(({ key }) => key),
      ['é', '\uffff', '😀'],
    )
  })

  declare('answers no cell whose time has come', async ({ journal, commit }, { environment }) => {
    const now = environment.clock.now()
    await commit({ state: [cell('past', 'x', now), cell('future', 'y', now + 1), cell('always', 'z')] })
    assert.equal(await journal.state.get('s', 'past'), null)
    assert.equal(text(await journal.state.get('s', 'future')), 'y')
    const listed = await journal.state.list('s', '', 10)
    assert.deepEqual(
      listed.map(({ key, until }) => [key, until]),
      [
        ['always', null],
        ['future', now + 1],
      ],
    )
  })

  declare('keeps cursors', async ({ journal, commit }) => {
    assert.equal(await journal.cursors.get('c'), null)
    await commit({
      cursors: [
        { name: 'c', value: '1' },
        { name: 'c', value: '2' },
        { name: 'd', value: '' },
      ],
    })
    assert.equal(await journal.cursors.get('c'), '2')
    assert.equal(await journal.cursors.get('d'), '')
  })
}
