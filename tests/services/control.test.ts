import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../scripts/lib/free-port.ts'
import { answers } from '../../scripts/lib/loopback.ts'
import { NODE_OPTIONS } from '../../scripts/lib/node-options.ts'
import {
  down,
  freeze,
  kill,
  named,
  type Place,
  restart,
  states,
  thaw,
  up,
  withNeeds,
} from '../../scripts/services/control.ts'
import { running } from '../../scripts/services/daemon.ts'
import type { Service } from '../../scripts/services/service.ts'

let folder: string
let said: string[]
let place: Place

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-services-'))
  said = []
  place = { folder, say: (line) => said.push(line) }
})

let started: readonly Service[] = []

afterEach(async () => {
  await down(started, place)
  started = []
  rmSync(folder, { recursive: true })
})

const listen = (port: number) =>
  `require('node:net').createServer().listen(${port}, '127.0.0.1'); process.on('SIGTERM', () => process.exit(0))`

const node = (text: string) => ({ file: process.execPath, args: [...NODE_OPTIONS, '-e', text] })

/** A service whose program is a few lines of JavaScript. */
async function fake(name: string, changes: Partial<Service> = {}): Promise<Service> {
  const port = await freePort()
  const service: Service = {
    name,
    about: 'a fake',
    ports: { main: port },
    credentials: {},
    environment: {},
    needs: [],
    obtainable: () => ({ state: 'installed', version: '1' }),
    install: () => {},
    start: () => node(listen(port)),
    ready: () => answers(port),
    stop: 'SIGTERM',
    ...changes,
  }
  started = [...started, service]
  return service
}

const pidOf = (service: Service) => running(join(folder, service.name))?.pid

describe('up and down', () => {
  it('brings services up once, whoever asks again, and takes them down', async () => {
    const service = await fake('one')
    const port = service.ports['main']
    await up([service], place)
    const pid = pidOf(service)
    await up([service], place)
    expect([pidOf(service), await states([service], place)]).toEqual([pid, ['ready']])
    await down([service], place)
    expect([pidOf(service), await states([service], place)]).toEqual([undefined, ['down']])
    await down([service], place)
    expect(said).toEqual([
      `one is up, on ${port}`,
      `one is up already, on ${port}`,
      'one is down',
      'one was not up',
    ])
  })

  it('goes down in the opposite order', async () => {
    const both = [await fake('one'), await fake('two', { needs: ['one'] })]
    await up(both, place)
    said.length = 0
    await down(both, place)
    expect(said).toEqual(['two is down', 'one is down'])
  })

  it('says which one could not be installed, and by what', async () => {
    const service = await fake('one', {
      obtainable: () => ({ state: 'install', from: 'mvn one' }),
      install: () => {
        throw new Error('mvn failed: repo.example.org: unknown host')
      },
    })
    await expect(up([service], place)).rejects.toThrow(
      'one could not be installed (mvn one). Is the network there? mvn failed: repo.example.org: unknown host',
    )
  })

  it('installs what is missing first', async () => {
    let present = false
    const service = await fake('one', {
      obtainable: () =>
        present ? { state: 'installed', version: '1' } : { state: 'install', from: 'get one' },
      install: () => {
        present = true
      },
    })
    await up([service], place)
    expect(said[0]).toBe('one is being installed: get one')
  })

  it('starts a service again that died, and remembers the new process', async () => {
    const service = await fake('one')
    await up([service], place)
    const pid = pidOf(service)!
    process.kill(pid, 'SIGKILL')
    while (pidOf(service) !== undefined) await new Promise((resolve) => setImmediate(resolve))
    await up([service], place)
    expect([typeof pidOf(service), pidOf(service) === pid]).toEqual(['number', false])
  })

  it('never ends a process that only has the remembered id', async () => {
    const service = await fake('one')
    await up([service], place)
    const file = join(folder, 'one', 'process.json')
    const ours = readFileSync(file, 'utf8')
    writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt: '1' }))
    await down([service], place)
    expect([said.at(-1), existsSync(file)]).toEqual(['one was not up', false])
    writeFileSync(file, ours)
  })
})

describe('failures on purpose', () => {
  it('restarts one as a new process', async () => {
    const service = await fake('one')
    await up([service], place)
    const pid = pidOf(service)
    await restart([service], place)
    expect([typeof pidOf(service), pidOf(service) === pid]).toEqual(['number', false])
    expect(said.slice(1)).toEqual(['one is down', `one is up, on ${service.ports['main']}`])
  })

  it('kills one, whatever it wants, with all that it started, and leaves it down', async () => {
    const service = await withChild()
    await up([service], place)
    const child = childOf(pidOf(service)!)
    await kill([service], place)
    expect(await states([service], place)).toEqual(['down'])
    await eventually(() => stateOf(child) === 'gone')
    await kill([service], place)
    expect(said.slice(1)).toEqual(['one was killed', 'one was not up'])
  })

  it('freezes one with all that it started, and lets it go on', async () => {
    const service = await withChild()
    await up([service], place)
    const pids = [pidOf(service)!, childOf(pidOf(service)!)]
    freeze([service], place)
    await eventually(() => pids.every((pid) => stateOf(pid) === 'T'))
    thaw([service], place)
    await eventually(() => pids.every((pid) => stateOf(pid) !== 'T'))
    expect(await states([service], place)).toEqual(['ready'])
    expect(said.slice(1)).toEqual(['one is frozen', 'one goes on'])
    await kill([service], place)
  })

  it('takes a frozen one down in order', async () => {
    const file = join(folder, 'order')
    const text = (port: number) =>
      `${listen(port)}; process.on('exit', () => require('node:fs').writeFileSync('${file}', 'in order'))`
    const service = await fake('one', {})
    const changed = { ...service, start: () => node(text(service.ports['main']!)) }
    await up([changed], place)
    freeze([changed], place)
    await down([changed], place)
    expect(readFileSync(file, 'utf8')).toBe('in order')
  })

  /** One that starts another program, which leaves its process group, and does not end when asked. */
  async function withChild(): Promise<Service> {
    const service = await fake('one', { stop: 'SIGKILL' })
    const port = service.ports['main']!
    const child = `require('node:child_process').spawn('sleep', ['600'], { detached: true })`
    const text = `${child}; process.on('SIGTERM', () => {}); require('node:net').createServer().listen(${port}, '127.0.0.1')`
    const changed = { ...service, start: () => node(text) }
    started = started.map((one) => (one === service ? changed : one))
    return changed
  }

  /** The kernel takes its time to carry a signal out. */
  const eventually = (holds: () => boolean) =>
    vi.waitFor(() => expect(holds()).toBe(true), { timeout: 20_000, interval: 5 })

  const childOf = (pid: number) =>
    Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])

  function stateOf(pid: number): string | undefined {
    try {
      const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0]
      return state === 'Z' ? 'gone' : state
    } catch {
      return 'gone'
    }
  }
})

describe('what goes wrong', () => {
  it('says that a port is taken, and by whom to ask', async () => {
    const service = await fake('one')
    const port = service.ports['main']!
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', () => resolve()))
    await expect(up([service], place)).rejects.toThrow(
      `Port ${port} of one is in use by a program that \`npm run services\` did not start. ` +
        `Find it with: ss -ltnp 'sport = :${port}'`,
    )
    expect(await states([service], place)).toEqual(['another program is on its port'])
    await new Promise((resolve) => other.close(resolve))
  })

  it('says so of a port by which only its own parts talk', async () => {
    const inner = await freePort()
    const service = await fake('one', { innerPorts: { inner } })
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(inner, '127.0.0.1', () => resolve()))
    await expect(up([service], place)).rejects.toThrow(`Port ${inner} of one is in use`)
    await new Promise((resolve) => other.close(resolve))
  })

  it('shows the last words of a program that ended', async () => {
    const service = await fake('one', { start: () => node('console.error("no room"); process.exit(1)') })
    await expect(up([service], place)).rejects.toThrow('one ended at its start:\nno room')
  })

  it('says why a program does not start at all', async () => {
    const service = await fake('one', { start: () => ({ file: '/nowhere/one', args: [] }) })
    await expect(up([service], place)).rejects.toThrow(/^one ended at its start:\n.*ENOENT/)
  })

  it('brings up the others, but for those that need it, and then says all that went wrong', async () => {
    const no = await fake('one', { obtainable: () => ({ state: 'no', why: 'It is too far.' }) })
    const behind = await fake('two', { needs: ['one'] })
    const other = await fake('three')
    await expect(up([no, behind, other], place)).rejects.toThrow(
      'one cannot be had here: It is too far.\n\ntwo stays down: it needs one.',
    )
    expect(await states([no, behind, other], place)).toEqual(['down', 'down', 'ready'])
  })

  it('says why a service cannot be had', async () => {
    const service = await fake('one', { obtainable: () => ({ state: 'no', why: 'It is too far.' }) })
    await expect(up([service], place)).rejects.toThrow('one cannot be had here: It is too far.')
  })
})

describe('choosing', () => {
  it('takes what is needed along, in order, and knows its names', async () => {
    const all = [
      await fake('a'),
      await fake('b', { needs: ['a'] }),
      await fake('c', { needs: ['b'] }),
      await fake('d'),
    ]
    const names = (list: readonly Service[]) => list.map(({ name }) => name).join('')
    expect(names(named(all, ['d', 'b']))).toBe('bd')
    expect(names(withNeeds(named(all, ['c']), all))).toBe('abc')
    expect(names(named(all, null))).toBe('abcd')
    expect(() => named(all, ['a', 'x'])).toThrow("No service 'x'. There are: a, b, c, d.")
  })
})
