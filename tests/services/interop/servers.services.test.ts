import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { request } from 'undici'
import { describe, expect, it } from 'vitest'
import { serviceUnderTest } from '../../../scripts/services/for-tests.ts'
import { brokersIn, metadataRequest } from '../../../scripts/services/kafka-metadata.ts'
import { services } from '../../../scripts/services/list.ts'
import { bodies, content, hasMethod, long, longText, method, octet, short, shortText } from './amqp-frames.ts'
import { type Conversation, conversation } from './conversation.ts'

/** What is sent: no server of another program, and none of a run before, has it. */
const word = (): string => `linkspan-${randomUUID()}`
const ends = (text: string) => (heard: Buffer) => heard.toString('latin1').endsWith(text)
const holds = (text: string) => (heard: Buffer) => heard.includes(text)

/** The address of a service by its first variable. */
const addressOf = (environment: Readonly<Record<string, string>>): URL => {
  const [value = ''] = Object.values(environment)
  return new URL(value)
}

async function talking<T>(port: number, talk: (server: Conversation) => Promise<T>): Promise<T> {
  const server = await conversation(port)
  try {
    return await talk(server)
  } finally {
    server.end()
  }
}

/** Puts something in and gets it out again, over the server's own protocol or with its own client. */
const exchanges: Readonly<Record<string, (address: URL) => Promise<void>>> = {
  postgres: storedBySql,
  pgbouncer: storedBySql,

  async mariadb({ username, password, port, pathname }) {
    const own = word()
    const sql = `create temporary table t (x varchar(80)); insert into t values ('${own}'); select x, version() from t;`
    const login = ['-h127.0.0.1', `-P${port}`, '--protocol=tcp', `-u${username}`, `-p${password}`]
    const ran = spawnSync('mariadb', ['--no-defaults', ...login, '-N', '-e', sql, pathname.slice(1)], {
      encoding: 'utf8',
    })
    expect(ran.stderr).toBe('')
    expect(ran.stdout).toContain(own)
  },

  async redis({ username, password, port }) {
    const own = word()
    await talking(Number(port), async (server) => {
      server.say(`AUTH ${username} ${password}\r\nSET ${own} ${own} EX 60\r\n`)
      await server.hear(ends('+OK\r\n+OK\r\n'))
      server.say(`GET ${own}\r\n`)
      expect(`${await server.hear(ends('\r\n'))}`).toContain(own)
      server.say(`XADD ${own}-s * word ${own}\r\nXRANGE ${own}-s - +\r\nDEL ${own} ${own}-s\r\n`)
      await server.hear(ends(':2\r\n'))
    })
  },

  async rabbitmq({ username, password, port }) {
    const own = word()
    await talking(Number(port), async (server) => {
      const answer = (classId: number, id: number) => server.hear((heard) => hasMethod(heard, classId, id))
      server.say('AMQP\0\0\x09\x01')
      await answer(10, 10)
      server.say(
        method(
          0,
          10,
          11,
          long(0),
          shortText('PLAIN'),
          longText(`\0${username}\0${password}`),
          shortText('en_US'),
        ),
      )
      await answer(10, 30)
      // As the server proposes: it refuses one without a limit.
      server.say(method(0, 10, 31, short(2_047), long(131_072), short(0)))
      server.say(method(0, 10, 40, shortText('/'), shortText(''), octet(0)))
      await answer(10, 41)
      server.say(method(1, 20, 10, shortText('')))
      await answer(20, 11)
      // Exclusive: it goes with the connection.
      server.say(method(1, 50, 10, short(0), shortText(own), octet(0b0000_0100), long(0)))
      await answer(50, 11)
      server.say(method(1, 60, 40, short(0), shortText(''), shortText(own), octet(0)))
      server.say(content(1, Buffer.from(`${own} ü🗻`)))
      server.say(method(1, 60, 70, short(0), shortText(own), octet(1)))
      expect(bodies(await server.hear((heard) => bodies(heard).length > 0))).toEqual([`${own} ü🗻`])
    })
  },

  async mosquitto({ username, password, port }) {
    const own = word()
    const text = (value: string) => Buffer.concat([short(Buffer.byteLength(value)), Buffer.from(value)])
    const packet = (type: number, ...parts: readonly Buffer[]) => {
      const rest = Buffer.concat(parts)
      return Buffer.concat([Buffer.from([type, rest.length]), rest])
    }
    await talking(Number(port), async (server) => {
      server.say(
        packet(
          0x10,
          text('MQTT'),
          Buffer.from([5, 0b1100_0010, 0, 60, 0]),
          text(''),
          text(username),
          text(password),
        ),
      )
      const welcome = await server.hear((heard) => heard.length > 1 && heard.length >= 2 + (heard[1] ?? 0))
      expect([welcome[0], welcome[3]]).toEqual([0x20, 0])
      server.say(packet(0x82, short(1), Buffer.from([0]), text(own), Buffer.from([1])))
      await server.hear((heard) => heard[0] === 0x90)
      server.say(packet(0x32, text(own), short(2), Buffer.from([0]), Buffer.from('hello')))
      await server.hear(holds('hello'))
    })
  },

  async nats({ username, password, port }) {
    const own = word()
    await talking(Number(port), async (server) => {
      server.say(`CONNECT ${JSON.stringify({ user: username, pass: password, verbose: false })}\r\nPING\r\n`)
      expect(`${await server.hear(holds('PONG\r\n'))}`).toContain('"jetstream":true')
      server.say(`SUB ${own} 1\r\nPUB ${own} 5\r\nhello\r\n`)
      await server.hear(holds(`MSG ${own} 1 5\r\nhello\r\n`))
      const reply = `${own}.reply`
      server.say(`SUB ${reply} 2\r\nPUB $JS.API.INFO ${reply} 0\r\n\r\n`)
      await server.hear(holds('"type":"io.nats.jetstream.api.v1.account_info_response"'))
    })
  },

  kafka: (address) => namesBroker(address, 1),
  'kafka-1': (address) => namesBroker(address, 1),
  'kafka-2': (address) => namesBroker(address, 2),
  'kafka-3': (address) => namesBroker(address, 3),

  async registry(url) {
    const own = word()
    const schema = JSON.stringify({ schema: '{"type":"string"}' })
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const put = await request(`${url}/subjects/${own}/versions`, { method: 'POST', headers, body: schema })
    const { id } = (await put.body.json()) as { id: number }
    const got = await request(`${url}/schemas/ids/${id}`)
    expect(await got.body.json()).toMatchObject({ schema: expect.stringContaining('string') })
    await (await request(`${url}/subjects/${own}`, { method: 'DELETE' })).body.dump()
  },

  activemq: sentByStomp,
  artemis: sentByStomp,
}

async function storedBySql(url: URL): Promise<void> {
  const client = new pg.Client({ connectionString: String(url) })
  await client.connect()
  try {
    const own = word()
    await client.query('begin')
    await client.query('create temporary table kept (x text) on commit drop')
    await client.query('insert into kept values ($1)', [own])
    const { rows } = await client.query('select x from kept')
    await client.query('rollback')
    expect(rows).toEqual([{ x: own }])
  } finally {
    await client.end()
  }
}

/** A broker that takes part names itself among the brokers of its cluster. */
async function namesBroker({ port }: URL, id: number): Promise<void> {
  await talking(Number(port), async (server) => {
    server.say(metadataRequest())
    expect(brokersIn(await server.hear((heard) => brokersIn(heard).length > 0))).toContain(id)
  })
}

async function sentByStomp({ username, password, port }: URL): Promise<void> {
  const own = word()
  await talking(Number(port), async (server) => {
    server.say(`CONNECT\naccept-version:1.2\nhost:127.0.0.1\nlogin:${username}\npasscode:${password}\n\n\0`)
    await server.hear((heard) => /^\s*CONNECTED\n[\s\S]*\0/.test(`${heard}`))
    server.say(`SUBSCRIBE\nid:1\ndestination:/queue/${own}\nack:auto\n\n\0`)
    server.say(`SEND\ndestination:/queue/${own}\ncontent-type:text/plain\n\n${own}\0`)
    const message = `${await server.hear((heard) => /MESSAGE\n[\s\S]*\0/.test(`${heard}`))}`
    expect(message).toContain(`\n\n${own}`)
  })
}

/** The variables under which STOMP is found, where a broker has several. */
function stompOf(environment: Readonly<Record<string, string>>): URL | null {
  const found = Object.values(environment).find((value) => value.startsWith('stomp'))
  return found === undefined ? null : new URL(found)
}

it('there is an exchange for each server', () => {
  expect(Object.keys(exchanges).sort()).toEqual(services.map(({ name }) => name).sort())
})

describe('what is put in comes out:', () => {
  for (const { name } of services) {
    const found = serviceUnderTest(name)
    it.skipIf(found === null)(name, async () => {
      const { environment } = found ?? { environment: {} }
      await exchanges[name]?.(stompOf(environment) ?? addressOf(environment))
    })
  }
})

describe('what was killed, or stood still, takes part again:', () => {
  for (const { name } of services) {
    const found = serviceUnderTest(name)
    const trouble = found?.trouble ?? null
    it.skipIf(trouble === null)(name, async () => {
      const exchange = (): Promise<void> => {
        const { environment } = found ?? { environment: {} }
        return exchanges[name]?.(stompOf(environment) ?? addressOf(environment)) ?? Promise.resolve()
      }
      await trouble?.stop()
      try {
        await expect(exchange()).rejects.toThrow()
      } finally {
        await trouble?.start()
      }
      await exchange()
      await trouble?.freeze()
      await trouble?.thaw()
      await exchange()
    })
  }
})

describe('an exchange', () => {
  it('fails where nobody listens', async () => {
    for (const [name, exchange] of Object.entries(exchanges)) {
      const nobody = new URL('http://linkspan:linkspan@127.0.0.1:1/nothing')
      await expect(exchange(nobody), name).rejects.toThrow()
    }
  })
})
