import { expect, it } from 'vitest'
import type { ConnectionDeclaration } from '../connect/connector.ts'
import { LinkspanError } from '../model/errors.ts'
import { memoryLogger } from '../testing/memory-logger.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { createConnections } from './connections.ts'

/** A connection to a system that may be down. */
function rig() {
  const clock = virtualClock()
  const system = { up: false, connects: 0 }
  const declaration: ConnectionDeclaration = {
    name: 'boards',
    connector: {
      name: 'boards',
      spec: { summary: 'Boards.', stability: 'stable', options: [] },
      config: { '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } },
      connect: async () => {
        system.connects += 1
        if (system.up) return 'client'
        throw new LinkspanError('CONNECTION_FAILED', 'Nobody listens.', { retry: 'later', applied: 'no' })
      },
    },
  }
  const environment = { clock, random: seededRandom(1), logger: memoryLogger(), directory: '/' }
  const connections = createConnections({ boards: {} }, environment, (error) => error)
  const client = async (): Promise<unknown> => connections.client(declaration)
  return { clock, system, client }
}

it('connects once for all who ask meanwhile', async () => {
  const { system, client } = rig()
  system.up = true
  expect(await Promise.all([client(), client(), client()])).toEqual(['client', 'client', 'client'])
  expect(system.connects).toBe(1)
})

it('does not try again within the pause, and says when it will', async () => {
  const { system, client } = rig()
  await expect(client()).rejects.toThrow('Nobody listens.')
  await expect(client()).rejects.toMatchObject({ retry: { afterMs: expect.any(Number) }, applied: 'no' })
  expect(system.connects).toBe(1)
})

it('connects after the pause, also when it was asked within it', async () => {
  const { clock, system, client } = rig()
  await expect(client()).rejects.toThrow('Nobody listens.')
  await expect(client()).rejects.toThrow('failed a moment ago')
  system.up = true
  await clock.advance('1s')
  expect(await client()).toBe('client')
})
