import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { servicesOutcome, type TestReport } from '../../scripts/lib/services-report.ts'
import { runServices, servicesCounts } from '../../scripts/lib/services-stage.ts'
import { serviceUnderTest } from '../../scripts/services/for-tests.ts'
import { services } from '../../scripts/services/list.ts'
import { environmentOf, type Presence, presences } from '../../scripts/services/presence.ts'
import type { Obtainable, Service } from '../../scripts/services/service.ts'

/** A service that is there or not. */
function fake(
  name: string,
  answers: boolean,
  found: Obtainable = { state: 'installed', version: '1.2.3' },
): Service {
  return {
    name,
    about: 'a fake',
    ports: {},
    credentials: {},
    environment: { [`LINKSPAN_TEST_${name.toUpperCase()}_URL`]: `${name}://127.0.0.1` },
    needs: [],
    obtainable: () => found,
    install: () => undefined,
    start: () => ({ file: 'none', args: [] }),
    ready: async () => answers,
    stop: 'SIGTERM',
  }
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-presence-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

describe('which servers are there', () => {
  const all = [
    fake('alpha', true),
    fake('beta', false),
    fake('gamma', false, { state: 'install', from: 'apt-get install gamma' }),
    fake('delta', false, { state: 'no', why: 'needs root' }),
  ]

  it('is told by whether they answer, and why those do not that cannot be had', async () => {
    const found = await presences(all, folder)
    expect(
      found.map(({ service, state, note, obtainable }) => [service.name, state, note, obtainable]),
    ).toEqual([
      ['alpha', 'elsewhere', 'kept by others', true],
      ['beta', 'missing', 'down: npm run services -- up beta', true],
      ['gamma', 'missing', 'down: npm run services -- up gamma', true],
      ['delta', 'missing', 'not to be had here: needs root', false],
    ])
    expect(environmentOf(found)).toEqual({ LINKSPAN_TEST_ALPHA_URL: 'alpha://127.0.0.1' })
  })

  it('asks all that can be had before it waits for answers, which have a time limit', async () => {
    const order: string[] = []
    const slow = (name: string): Service => ({
      ...fake(name, true),
      obtainable: () => {
        order.push(`what of ${name}`)
        return { state: 'installed', version: '1' }
      },
      ready: async () => {
        order.push(`ask ${name}`)
        return true
      },
    })
    await presences([slow('a'), slow('b')], folder)
    expect(order).toEqual(['what of a', 'what of b', 'ask a', 'ask b'])
  })
})

describe('what the tests on the servers came to', () => {
  const presence = (name: string, state: Presence['state'], obtainable = true): Presence => ({
    service: fake(name, state !== 'missing'),
    state,
    note: state === 'missing' ? 'down' : '1.2.3',
    obtainable,
  })
  const report = (...statuses: readonly string[]): TestReport => ({
    testResults: [
      {
        name: 'a.services.test.ts',
        message: '',
        assertionResults: statuses.map((status, at) => ({ status, fullName: `test ${at}` })),
      },
    ],
  })
  const up = [presence('alpha', 'ready'), presence('beta', 'elsewhere')]

  it('names servers, what was left out, and the counts', () => {
    expect(servicesOutcome(up, report('passed', 'skipped', 'passed'))).toEqual({
      passed: 2,
      failed: 0,
      lines: [
        'alpha        ready      1.2.3',
        'beta         elsewhere  1.2.3',
        '',
        'left out: test 1',
        '2 passed, 0 failed',
      ],
    })
  })

  it.each<[string, readonly Presence[], TestReport | null, string]>([
    [
      'a server that could be had and is missing',
      [...up, presence('gamma', 'missing')],
      report('passed'),
      'gamma could be had on this machine, and is missing',
    ],
    ['a test that failed', up, report('passed', 'failed'), 'failed: test 1'],
    ['no test at all', up, report('skipped'), 'no test passed'],
    ['a run that did not end', up, null, 'the tests did not run to their end'],
    [
      'a file that does not load',
      up,
      {
        testResults: [
          ...report('passed').testResults,
          { name: 'b.services.test.ts', message: 'SyntaxError: x\n at y', assertionResults: [] },
        ],
      },
      'b.services.test.ts did not run: SyntaxError: x',
    ],
  ])('fails for %s', (_what, found, ran, line) => {
    const { failed, lines } = servicesOutcome(found, ran)
    expect(failed).toBe(1)
    expect(lines).toContain(line)
  })

  it('does not fail for a server that cannot be had here, nor where only some tests were asked for', () => {
    expect(servicesOutcome([...up, presence('delta', 'missing', false)], report('passed')).failed).toBe(0)
    expect(servicesOutcome([...up, presence('gamma', 'missing')], report('passed'), false).failed).toBe(0)
    expect(servicesOutcome([presence('delta', 'missing', false)], report('skipped')).failed).toBe(0)
  })
})

describe('the stage of npm run verify', () => {
  const output = 'alpha        ready      1\nbeta         missing    down\n\n'

  it('counts as the last line says', () => {
    expect(servicesCounts({ code: 0, output: `${output}7 passed, 0 failed\n` })).toEqual({
      passed: 7,
      failed: 0,
      note: '7 tests passed on one server, 1 missing',
    })
    expect(servicesCounts({ code: 1, output: `${output}7 passed, 2 failed\n` })).toMatchObject({ failed: 2 })
    expect(servicesCounts({ code: 1, output: `${output}7 passed, 0 failed\n` })).toMatchObject({ failed: 1 })
  })

  it('fails where there is no last line, as at its time limit', () => {
    expect(servicesCounts({ code: 1, output: `${output}ended after 1500 s, its limit\n` })).toMatchObject({
      passed: 0,
      failed: 1,
    })
  })

  it('brings the servers up', async () => {
    let args: readonly string[] = []
    await runServices(1_000, async (command) => {
      args = command.args
      return { code: 0, output: '1 passed, 0 failed' }
    })
    expect(args).toContain('--up')
  })
})

describe('a service for a test', () => {
  it('is there where its variables are set', () => {
    const redis = services.find(({ name }) => name === 'redis') as Service
    const env = { ...redis.environment, LINKSPAN_SERVICES_FOLDER: folder }
    expect(serviceUnderTest('redis', env)).toEqual({ environment: redis.environment, trouble: null })
    expect(serviceUnderTest('redis', { LINKSPAN_SERVICES_FOLDER: folder })).toBeNull()
  })

  it('has to be one of those in the list', () => {
    expect(() => serviceUnderTest('redsi')).toThrow("No service 'redsi'.")
  })
})
