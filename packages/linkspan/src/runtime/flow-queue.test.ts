import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { testFlow } from '../testing/test-flow.ts'

describe('the queue of a flow', () => {
  it('finds what is accepted while it tells that it begins with the backlog', async () => {
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
