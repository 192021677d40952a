import { describe, expect, it } from 'vitest'
import { type StepNode, walkSteps } from '../model/flow-definition.ts'
import { deadLetter, ignore, retry, rules, when } from '../model/policy.ts'
import { operation } from '../patterns/fixtures/operations.ts'
import { channel } from './channel.ts'
import { orders } from './fixtures/orders.ts'
import { flow } from './flow.ts'
import { inbox } from './inbox.ts'

const get = operation<{ id: number }, { title: string }, { kind: 'natural' }>('get', { kind: 'natural' })
const numbers = () => flow('numbers').from(inbox<number>())
/** The line of the caller, to compare with the places that are told. */
const line = (): number => Number(/flow\.test\.ts:(\d+)/.exec(new Error().stack!.split('\n')[2]!)![1])

describe('flow', () => {
  it('refuses a name that is no identity', () => {
    for (const name of ['', ' x', 'x ', 'a\nb', 'a~b', 'a"b', 'x'.repeat(201), undefined, 3])
      expect(() => flow(name as string), String(name)).toThrow(/^The name of a flow /)
    for (const name of ['a', 'Öl & Gas'.replace('&', 'und'), 'orders/v2', 'a.b_c-d 1', '注文'])
      expect(flow(name).from(inbox<number>()).definition.name).toBe(name)
  })

  it('has settings of its own, with defaults, in milliseconds', () => {
    expect(numbers().definition.settings).toEqual({
      concurrency: 128,
      window: 10_000,
      windowBytes: 16_777_216,
      timeLimitMs: null,
      dedupeForMs: 2_592_000_000,
    })
    const own = flow('own', { concurrency: 1, window: 2, windowBytes: 3, timeLimit: '1h' }).from(
      inbox<number>(),
      { dedupeFor: '1d' },
    )
    expect(own.definition.settings).toEqual({
      concurrency: 1,
      window: 2,
      windowBytes: 3,
      timeLimitMs: 3_600_000,
      dedupeForMs: 86_400_000,
    })
    for (const concurrency of [0, -1, 1.5, Number.NaN, '3' as never])
      expect(() => flow('x', { concurrency }).from(inbox<number>())).toThrow(
        /The option concurrency of the flow "x" is a whole number from 1/,
      )
    expect(() => flow('x', { timeLimit: 'soon' as never }).from(inbox<number>())).toThrow(
      /"soon" is not a duration/,
    )
  })

  it('keeps the code of the flow itself beside the data', () => {
    const key = (n: number) => n
    const own = flow('own', { onError: deadLetter() }).from(inbox<number>(), {
      key,
      index: { n: key },
      dedupe: String,
    })
    expect(own.own).toEqual({
      key,
      index: { n: key },
      dedupe: String,
      onError: { rules: [], otherwise: deadLetter() },
    })
    expect(own.definition.source).toMatchObject({ keyed: true, deduped: true, index: ['n'] })
    expect(numbers().own).toEqual({})
    const policy = rules(when('CALL_FAILED', ignore()), retry({ attempts: 2 }))
    expect(flow('p', { onError: policy }).from(inbox<number>()).own['onError']).toEqual(policy)
  })

  it('comes from a channel too', () => {
    const topic = channel<{ id: string }>('topic', { kind: 'topic' })
    const { source, definition } = flow('x').from(topic)
    expect(source).toBe(topic)
    expect(definition.source).toMatchObject({
      kind: 'channel',
      connector: 'channel',
      name: 'topic',
      options: { kind: 'topic' },
    })
    expect(channel('queue').options).toEqual({ kind: 'queue' })
    expect(() => channel(' x')).toThrow(/^The name of a channel begins or ends with a space/)
    expect(() => channel('x', { kind: 'stack' as never })).toThrow(/'queue' or 'topic', not "stack"/)
  })

  it('refuses a source that is none', () => {
    expect(() => flow('x').from('orders' as never)).toThrow(
      /needs a source in from\(\), such as inbox\(\) or a channel, but got "orders"/,
    )
  })

  it('refuses names twice in renamedFrom', () => {
    expect(flow('x', { renamedFrom: 'y' }).from(inbox<number>()).definition.renamedFrom).toEqual(['y'])
    expect(() => flow('x', { renamedFrom: ['y', 'x'] })).toThrow(/lists "x" twice/)
    expect(() => flow('x', { renamedFrom: '' })).toThrow(/is empty/)
  })
})

describe('a finished flow', () => {
  it('has a definition that is the same after JSON', () => {
    expect(JSON.parse(JSON.stringify(orders.definition))).toStrictEqual(orders.definition)
    expect(orders.definition.steps.length).toBeGreaterThan(8)
  })

  it('has code and a place for each step by its path', () => {
    const paths: string[] = []
    walkSteps(orders.definition.steps, (_node: StepNode, path: string) => paths.push(path))
    walkSteps(orders.definition.fallback!, (_node, path) => paths.push(path), 'onError')
    expect(paths).toContain('speed/express "now"/watch/seen')
    expect([...orders.code.keys()].sort()).toEqual([...paths].sort())
    expect([...orders.places.keys()].sort()).toEqual(['', ...paths].sort())
  })

  it('says where each step was written', () => {
    const at = line()
    // biome-ignore format: each step stands on a line of its own
    const tested = flow('placed')
      .from(inbox<number[]>())
      .map('one', (l) => l)
      .split('two', (l) => l, (n) => n
        .map((m) => m))
    const lines = [...tested.places].map(([path, { file, line }]) => [
      path,
      file.endsWith('/flow/flow.test.ts'),
      line - at,
    ])
    expect(lines).toEqual([
      ['', true, 2],
      ['one', true, 4],
      ['two', true, 5],
      ['two/map-1', true, 6],
    ])
  })

  it('is immutable: each step makes another flow', () => {
    const base = numbers().map('a', (n) => n)
    const [b, c] = [base.map('b', (n) => n), base.map('c', (n) => n)]
    expect([base, b, c].map(({ definition }) => definition.steps.map(({ name }) => name))).toEqual([
      ['a'],
      ['a', 'b'],
      ['a', 'c'],
    ])
  })

  it("keeps a step's error policy as its code", () => {
    const tested = flow('x').from(inbox<{ id: number }>()).to('get', get, { onError: ignore() })
    expect(tested.code.get('get')).toEqual({ operation: get, onError: { rules: [], otherwise: ignore() } })
  })

  it('is not a scope', () => {
    let inner: { readonly definition: unknown } | undefined
    numbers().tap('t', (s) => {
      inner = s
      return s
    })
    expect(() => inner?.definition).toThrow(/steps of a scope, not a flow/)
  })
})

describe('names of steps', () => {
  it('are unique in their scope; a duplicate is told with both places', () => {
    const at = line()
    const twice = () =>
      numbers()
        .map('same', (n) => n)
        .map('same', (n) => n)
    expect(twice).toThrow(
      new RegExp(
        `Two steps of one scope are called "same": one at \\S*flow\\.test\\.ts:${at + 3}, one at \\S*flow\\.test\\.ts:${at + 4}\\.`,
      ),
    )
    expect(twice).toThrow(expect.objectContaining({ code: 'FLOW_INVALID' }))
    const apart = numbers()
      .map('same', (n) => n)
      .tap('t', (s) => s.map('same', (n) => n))
    expect([...apart.code.keys()]).toEqual(['same', 't', 't/same'])
  })

  it('are refused when they are empty, missing or unusable in a path, with the place', () => {
    for (const [name, problem] of [
      ['', 'is empty'],
      [' x', 'begins or ends'],
      ['a/b', 'has a "/"'],
      ['a~b', 'has a "/" or "~"'],
      ['a\tb', 'has a control character'],
    ] as const)
      expect(() => numbers().map(name, (n) => n)).toThrow(
        new RegExp(`The name of a map step ${problem}.*flow\\.test\\.ts:\\d+\\)$`),
      )
    expect(() => numbers().tap(undefined as never, (s) => s)).toThrow(/A tap step needs a name/)
  })

  it('are derived for unnamed pure steps, and never those that were given', () => {
    const tested = numbers()
      .map((n) => n)
      .filter(() => true)
      .map('map-2', (n) => n)
      .map('named', (n) => n, { renamedFrom: 'map-3' })
      .map((n) => n)
      .map((n) => n)
    expect(tested.definition.steps.map(({ name, named }) => [name, named])).toEqual([
      ['map-1', false],
      ['filter-1', false],
      ['map-2', true],
      ['named', true],
      ['map-2-unnamed', false],
      ['map-3-unnamed', false],
    ])
  })

  it('may not be, or have been, those of another step', () => {
    const renamed = numbers().map('now', (n) => n, { renamedFrom: ['first', 'second'] })
    expect(renamed.definition.steps[0]?.renamedFrom).toEqual(['first', 'second'])
    expect(() => renamed.map('second', (n) => n)).toThrow(
      /"second" is the present or earlier name \(renamedFrom\) of two steps/,
    )
    expect(() => renamed.map('x', (n) => n, { renamedFrom: 'now' })).toThrow(
      /"now" is the present or earlier name/,
    )
    expect(() => renamed.map('x', (n) => n, { renamedFrom: 'first' })).toThrow(
      /"first" is the present or earlier name/,
    )
    expect(() => numbers().map('x', (n) => n, { renamedFrom: 'x' })).toThrow(/lists "x" twice/)
    expect(() => numbers().map('x', (n) => n, { renamedFrom: ' ' })).toThrow(/begins or ends with a space/)
  })
})

describe('names bound by as', () => {
  const ids = () => flow('ids').from(inbox<{ id: number }>())

  it('may not be those of the context', () => {
    for (const as of ['id', 'flow', 'key', 'headers', 'acceptedAt', 'now', 'random', 'index', 'error'])
      expect(() => ids().call('x', get, { as: as as never })).toThrow(`The step "x": "as" may not be "${as}"`)
    expect(() => ids().call('x', get, { as: '' })).toThrow(/"as" is a name, not ""/)
  })

  it('may not be bound twice in a chain of scopes', () => {
    const bound = ids().call('a', get, { as: 'item' })
    expect(() => bound.call('b', get, { as: 'item' as never })).toThrow(
      /The step "b": the name "item" is bound already/,
    )
    expect(() => bound.tap('t', (s) => s.call('b', get, { as: 'item' as never }))).toThrow(/is bound already/)
  })

  it('are free again outside the scope that bound them', () => {
    const tested = ids()
      .tap('one', (s) => s.call('a', get, { as: 'item' }))
      .tap('two', (s) => s.call('a', get, { as: 'item' }))
      .call('a', get, { as: 'item' })
    expect(tested.code.size).toBe(5)
  })
})

describe('a scope function', () => {
  it('must answer the steps it was given', () => {
    const answering = (answer: unknown) => () => numbers().tap('t', () => answer as never)
    for (const [answer, told] of [
      [undefined, 'undefined'],
      [{}, 'an object'],
      [numbers(), 'the steps of another scope'],
      [Promise.resolve(), 'an object'],
    ] as const)
      expect(answering(answer)).toThrow(new RegExp(`it answered ${told}\\. .*flow\\.test\\.ts:\\d+\\)$`))
  })
})
