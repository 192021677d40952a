import { describe, expect, it, test } from 'vitest'
import type { SourceDeclaration } from '../connect/connector.ts'
import type { Guarantee } from '../model/guarantee.ts'
import { addOperation, type Fault, queueConnection, REFUSED, takeSource } from './fixtures/queue-connector.ts'
import { queueSystem, TOKEN } from './fixtures/queue-system.ts'
import {
  type Capability,
  type ConnectorRig,
  type ConnectorUnderTest,
  type DeclareTrial,
  type TrialItem,
  testConnector,
} from './test-connector.ts'

interface Choice {
  readonly guarantee: Guarantee
  readonly batched: boolean
  readonly fault: Fault | null
}

const VERIFY: Guarantee = { kind: 'verify', settleAfter: '1s' }
const KEY: Guarantee = { kind: 'key', validFor: '24h' }

const timers: NodeJS.Timeout[] = []

/** The connector of the fixtures, with one fault or none. */
function subject({ guarantee, batched, fault }: Choice): ConnectorUnderTest {
  const make: ConnectorUnderTest['make'] = async ({ clock }) => {
    const system = queueSystem(clock)
    const options = { system, guarantee, batched, fault }
    const connection = queueConnection(options)
    const { rows, entries: _entries, connect: _connect, ...trouble } = system
    const rig: ConnectorRig = {
      connection: kept(connection),
      config: { token: TOKEN },
      wrongConfig: { token: 'wr0ng token of nobody' },
      secrets: [TOKEN, 'wr0ng token of nobody'],
      source: {
        source: takeSource(connection, options) as SourceDeclaration<never>,
        put: async (items) => {
          for (const item of items) system.push(item)
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: async () => system.push(null),
        redeliver: async () => system.rewind(),
      },
      operation: {
        operation: addOperation(connection, options),
        input: (item) => item,
        effects: async () => rows.map(({ item }) => item),
        refused: REFUSED,
      },
      system: trouble,
      dispose: async () => {
        for (const timer of timers.splice(0)) clearInterval(timer)
      },
    }
    return rig
  }
  const without: Partial<Record<Capability, string>> = batched
    ? {}
    : { batch: 'this one takes one row at a time' }
  return { name: 'queue', against: 'fake', time: 'virtual', without, make }
}

/** Timers that a fault leaves behind are cleared after the test. */
function kept(connection: ReturnType<typeof queueConnection>): ReturnType<typeof queueConnection> {
  const { connector } = connection
  return {
    ...connection,
    connector: {
      ...connector,
      connect: async (config, environment) => {
        const client = await connector.connect(config, environment)
        if (client.timer !== null) timers.push(client.timer)
        return client
      },
    },
  }
}

interface Declared {
  readonly name: string
  readonly run: () => Promise<void>
}

/** The tests that the suite declares. */
function declared(under: ConnectorUnderTest): {
  readonly tests: readonly Declared[]
  readonly left: readonly string[]
} {
  const tests: Declared[] = []
  const left: string[] = []
  const declare = Object.assign((name: string, run: () => Promise<void>) => void tests.push({ name, run }), {
    skip: (name: string) => void left.push(name),
  }) satisfies DeclareTrial
  testConnector(declare, under)
  return { tests, left }
}

describe('a connector without a fault passes', () => {
  for (const guarantee of [KEY, VERIFY, { kind: 'natural' }, { kind: 'none' }] satisfies Guarantee[]) {
    describe(guarantee.kind, () => testConnector(test, subject({ guarantee, batched: false, fault: null })))
  }
  describe('in batches', () => testConnector(test, subject({ guarantee: KEY, batched: true, fault: null })))
})

/** Each fault, and a clause that must notice it. */
const NOTICED: readonly (readonly [fault: Fault, clause: string, choice?: Partial<Choice>])[] = [
  ['acknowledges before it is committed', 'dies before it has committed'],
  ['gives no identity', 'committed and not acknowledged'],
  ['gives no identity', 'delivers again'],
  ['turns the order of a page round', 'keeps the order of each key'],
  ['reads Latin-1', 'hands in all that comes'],
  ['takes an empty text for none', 'hands in all that comes'],
  ['goes on after stop', 'has stopped hands in nothing more'],
  ['never stops while it waits', 'stops while its system does not answer'],
  ['says nothing of a lost connection', 'a source goes on by itself after its server was restarted'],
  ['says nothing of a lost connection', 'a source goes on by itself after its connections were broken'],
  ['leaves out what cannot be read', 'what cannot be read'],
  ['stumbles over what cannot be read', 'what cannot be read'],
  ['drops what there is no room for', 'no room for'],
  ['ignores the key', 'when it is called twice'],
  ['ignores the key', 'under an engine a lost answer'],
  ['answers a repeated key anew', 'when it is called twice'],
  ['adds instead of replacing', 'when it is called twice', { guarantee: { kind: 'natural' } }],
  ['never finds a mark', 'when it is called twice', { guarantee: VERIFY }],
  ['never finds a mark', 'under an engine a lost answer', { guarantee: VERIFY }],
  ['finds every mark', 'when it is called twice', { guarantee: VERIFY }],
  ['says that a reset applied nothing', 'answer was lost is not claimed to be absent'],
  ['says that a reset is final', 'answer was lost is not claimed to be absent'],
  ['sends again by itself', 'under an engine a lost answer', { guarantee: { kind: 'none' } }],
  ['wants a refused input again', 'refuses is refused for good'],
  ['fails a whole batch for one', 'a batch answers for each', { batched: true }],
  ['answers for the good ones only', 'a batch answers for each', { batched: true }],
  ['hides the refusal in a batch', 'a batch answers for each', { batched: true }],
  ['ignores that it is given up', 'given up while its server does not answer'],
  ['says that what was given up was not applied', 'given up while its server does not answer'],
  ['is unsure about a server that is not there', 'server that is not there says that it was not applied'],
  ['gives up a server that is not there', 'server that is not there says that it was not applied'],
  ['gives up a server that is not there', 'connecting to a server that is not there'],
  ['throws what the client throws', 'connecting to a server that is not there'],
  ['answers what JSON cannot hold', 'kept as JSON'],
  ['takes any configuration', 'a configuration that is none'],
  ['has code in its spec', 'the spec is plain data'],
  ['lists no operation', 'the spec is plain data'],
  ['says nothing of credentials', 'credentials that the system refuses'],
  ['shows its token in an error', 'shows a secret'],
  ['shows its token in a cause', 'shows a secret'],
  ['shows its token in the log', 'shows a secret'],
  ['leaves a timer', 'nothing is left open'],
  ['says that all is well', 'check says whether'],
]

describe('a connector that', () => {
  it.each(NOTICED.map(([fault, clause, choice = {}]) => ({ fault, clause, choice })))(
    '$fault fails "$clause"',
    async ({ fault, clause, choice }) => {
      const { tests } = declared(subject({ guarantee: KEY, batched: false, ...choice, fault }))
      const meant = tests.filter(({ name }) => name.includes(clause))
      expect(meant).toHaveLength(1)
      await expect(meant[0]?.run()).rejects.toThrow()
    },
  )

  it('is right passes those same tests', async () => {
    for (const [, clause, choice = {}] of NOTICED) {
      const { tests } = declared(subject({ guarantee: KEY, batched: false, ...choice, fault: null }))
      await tests.find(({ name }) => name.includes(clause))?.run()
    }
  })
})

describe('a test that fails in the middle', () => {
  it('leaves a server that runs, and the rig is disposed of', async () => {
    const done: string[] = []
    const whole = subject({
      guarantee: KEY,
      batched: false,
      fault: 'is unsure about a server that is not there',
    })
    const make: ConnectorUnderTest['make'] = async (time) => {
      const rig = await whole.make(time)
      const { stop, start } = rig.system ?? {}
      return {
        ...rig,
        system: {
          ...rig.system,
          stop: async () => {
            done.push('stop')
            await stop?.()
          },
          start: async () => {
            done.push('start')
            await start?.()
          },
        },
        dispose: async () => {
          done.push('dispose')
          await rig.dispose()
        },
      }
    }
    const { tests } = declared({ ...whole, make })
    const failing = tests.find(({ name }) =>
      name.includes('server that is not there says that it was not applied'),
    )
    await expect(failing?.run()).rejects.toThrow('what the call number 5 says')
    expect(done).toEqual(['stop', 'start', 'dispose'])
  })
})

describe('what a connector leaves out', () => {
  const whole = subject({ guarantee: KEY, batched: false, fault: null })

  it('is printed with the reason', () => {
    const { left } = declared(whole)
    expect(left).toEqual([
      'queue (fake): a batch answers for each of its calls, also when one of them is refused (left out: this one takes one row at a time)',
    ])
  })

  it('needs a reason', () => {
    expect(() => declared({ ...whole, without: { freeze: ' ' } })).toThrow(
      `queue leaves out "freeze" and does not say why: without: { freeze: 'the reason' }.`,
    )
  })

  it('is asked for where the rig lacks it', async () => {
    const { tests } = declared({ ...whole, without: {} })
    const batch = tests.find(({ name }) => name.includes('a batch answers'))
    await expect(batch?.run()).rejects.toThrow('The rig has no "batch"')
  })

  it('may not be there', async () => {
    const { tests } = declared({ ...whole, without: { ...whole.without, cut: 'a reason that is stale' } })
    await expect(tests[0]?.run()).rejects.toThrow('"cut" is left out, and the rig has it.')
  })

  it('is a test that does nothing for a runner without skip', () => {
    const names: string[] = []
    testConnector((name) => void names.push(name), whole)
    expect(names.filter((name) => name.includes('(left out: '))).toHaveLength(1)
  })
})
