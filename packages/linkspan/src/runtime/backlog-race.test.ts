import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { testFlow } from '../testing/test-flow.ts'

describe('taking up the backlog', () => {
  it('finds what is accepted while it is told how far the backlog is begun with', async () => {
    const copy = flow('copy').from(inbox<number>()).delay('a while', '1m', { hold: true })
    const flows = await testFlow(copy)
    await flows.send(1)
    flows.crash()
    await flows.restart()
    await flows.send(2)
    await flows.run()
    expect((await flows.messages()).map(({ state }) => state)).toEqual(['done', 'done'])
  })
})
