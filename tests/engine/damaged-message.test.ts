import { flow, inbox } from 'linkspan'
import { LinkspanError } from 'linkspan/connect'
import type { StoredMessage } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { createWorld } from '../faults/support.ts'
import { type Load, loadingBy, markingUnsettled } from './loading-by.ts'

describe('a waiting message that cannot be read any more', () => {
  it.each<[what: string, hurt: (load: Load) => Load]>([
    [
      'because its body is gone',
      (load) => async (seqs) =>
        (await load(seqs)).map((stored) => (stored.seq === 1 ? { ...stored, body: null } : stored)),
    ],
    [
      'because its row is damaged',
      (load) => async (seqs) => {
        if (seqs.includes(1)) throw new LinkspanError('JOURNAL_DAMAGED', 'Message 1 is damaged.')
        return load(seqs)
      },
    ],
  ])('%s ends as a dead letter, and its key goes on', async (_what, hurt) => {
    const sink = fakeOperation<{ n: number } | null, undefined>('sink.put', { kind: 'natural' })
    const held = flow('held')
      .from(inbox<{ n: number }>(), { key: () => 'one' })
      .delay('wait', '1h', { hold: true })
      .to('put', sink)
    const world = createWorld([held], loadingBy(hurt, 2))
    await world.start()
    for (const n of [1, 2]) await world.clock.during(world.engine.send(held, { n }))
    world.kill()
    await world.start()
    await world.clock.advance('1d')
    const dead = world.logger.of('message.dead')
    expect(sink.effects.map(({ input }) => input)).toEqual([{ n: 2 }])
    expect(dead).toHaveLength(1)
    const { messages } = await world.clock.during(world.engine.admin.status())
    expect(messages).toMatchObject({ dead: 1, done: 1, waiting: 0, active: 0 })
  })
})

describe('a running message that cannot be read any more', () => {
  it('ends as a dead letter that says so, and the engine starts for all others', async () => {
    const sink = fakeOperation<{ n: number }, undefined>('sink.put', { kind: 'verify', settleAfter: '1s' })
    sink.next('silent', 'silent')
    const send = flow('send').from(inbox<{ n: number }>()).to('put', sink)
    const mark = (stored: StoredMessage): StoredMessage =>
      stored.seq === 1 ? { ...stored, damaged: 'frame 0 of message 1: its checksum does not fit' } : stored
    const world = createWorld([send], markingUnsettled(mark, 2))
    await world.start()
    for (const n of [1, 2]) await world.clock.during(world.engine.send(send, { n }))
    world.kill()
    await world.start()
    await world.clock.advance('1d')
    expect(world.logger.of('message.dead')).toHaveLength(1)
    const { items } = await world.clock.during(world.engine.admin.messages({}))
    expect(items.map(({ state }) => state).toSorted()).toEqual(['dead', 'done'])
    expect(sink.effects.map(({ input }) => input.n)).toEqual([2])
  })
})
