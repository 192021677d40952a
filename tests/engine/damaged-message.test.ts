import { flow, inbox, type Journal, type JournalFactory } from 'linkspan'
import { LinkspanError } from 'linkspan/connect'
import { simulated } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { createWorld } from '../faults/support.ts'

type Load = Journal['messages']['load']

/** A journal in which the first message is damaged from the second opening on. */
function damaged(hurt: (load: Load) => Load): JournalFactory & { crash(): void } {
  const disk = simulated()
  let openings = 0
  return {
    ...disk,
    async open(environment) {
      const journal = await disk.open(environment)
      openings += 1
      if (openings === 1) return journal
      const { name, opened, messages, backlog, state, cursors, history } = journal
      return {
        name,
        opened,
        backlog,
        state,
        cursors,
        history,
        messages: { ...messages, load: hurt((seqs) => messages.load(seqs)) },
        commit: (batch) => journal.commit(batch),
        close: () => journal.close(),
      }
    },
  }
}

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
    const world = createWorld([held], damaged(hurt))
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
