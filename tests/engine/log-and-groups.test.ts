import { flow, inbox, jsonLogger, secret } from 'linkspan'
import { bearer, httpConnection } from 'linkspan/http'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

const linesOf = (engine: Awaited<ReturnType<typeof rig>>) =>
  engine.log.lines
    .filter(({ event }) => event === 'flow.log')
    .map(({ level, fields }) => ({ level, ...fields }))

describe('log', () => {
  it('writes its line once, though the message is computed again for each attempt, wait and crash', async () => {
    const put = fakeOperation<string>('store.put', { kind: 'key', validFor: '1d' })
    put.next('unavailable', 'timeout-before', 'unavailable')
    const save = flow('save')
      .from(inbox<string>(), { key: (id) => id })
      .log('in', (id) => ({ id }))
      .delay('wait', '1h')
      .log('woken', (id) => `${id} woke up`, { level: 'warn' })
      .to('put', put)
      .log('out')
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'a')
    await engine.advance('30m')
    engine.crash()
    await engine.start()
    await engine.advance('3h')
    expect(await engine.states()).toEqual(['done'])
    expect(put.requests.length).toBeGreaterThan(2)
    const where = { flow: 'save', id, key: 'a' }
    expect(linesOf(engine)).toEqual([
      { level: 'info', ...where, step: 'in', data: { id: 'a' } },
      { level: 'warn', ...where, step: 'woken', text: 'a woke up' },
      { level: 'info', ...where, step: 'out' },
    ])
  })

  it('writes it again for a message that is sent afresh, and can be added before a step that is on record', async () => {
    const put = fakeOperation<string>('store.put', { kind: 'key', validFor: '1d' })
    const make = (logged: boolean) => {
      const begun = flow('save').from(inbox<string>()).to('put', put)
      return (logged ? begun.log('between') : begun).delay('wait', '1h')
    }
    await using engine = await rig([make(false)])
    const { id } = await engine.send(make(false), 'a')
    await engine.advance('1m')
    await engine.stop()
    await engine.start([make(true)])
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect(linesOf(engine)).toHaveLength(1)
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'again', fresh: true }))
    await engine.advance('2h')
    expect(linesOf(engine)).toHaveLength(2)
  })

  it("hides the project's secrets, and texts under names of secrets when it is written", async () => {
    const chat = httpConnection('chat')
    const post = chat.post({
      name: 'post',
      path: '/',
      body: (text: string) => text,
      guarantee: { kind: 'natural' },
    })
    const say = flow('say')
      .from(inbox<string>())
      .log('it', (text) => ({ text, password: 'open sesame' }))
      .filter('none', () => false)
      .to('post', post)
    await using engine = await rig([say], {
      connections: { chat: { baseUrl: 'http://127.0.0.1:9', auth: bearer(secret('TOKEN')) } },
      lookup: () => 'a-very-long-secret',
    })
    await engine.send(say, 'the token is a-very-long-secret')
    await engine.advance('1s')
    const [line] = linesOf(engine)
    expect(line).toMatchObject({ data: { text: 'the token is [redacted]' } })
    const written: string[] = []
    jsonLogger({ stream: { write: (text) => written.push(text) }, clock: engine.clock }).log(
      'info',
      'flow.log',
      line,
    )
    expect(written.join('')).not.toContain('sesame')
  })
})

describe('a group', () => {
  it('is told by the metrics once, with the time that its steps took, and shown with them by the trace', async () => {
    const put = fakeOperation<string, string>('store.put', { kind: 'natural' }, { result: () => 'kept' })
    put.next('unavailable')
    const save = flow('save')
      .from(inbox<string>())
      .group('both', (s) => s.delay('wait', '10s').call('put', put), { as: 'kept' })
      .delay('later', '1h')
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'a')
    await engine.advance('2h')
    const { steps } = await engine.trace(id)
    expect(steps.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual([
      'both done',
      'both/wait done',
      'both/put done',
      'later done',
    ])
    expect(steps[0]?.durationMs).toBeGreaterThanOrEqual(10_000)
    const text = engine.engine.metrics.prometheus()
    expect(text).toMatch(/linkspan_step_attempts_total\{[^}]*step="both"[^}]*\} 1\n/)
    expect(text).toMatch(/linkspan_step_seconds_sum\{[^}]*step="both"[^}]*\} 11\n/)
  })
})
