import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../scripts/lib/free-port.ts'
import { brokersIn, metadataRequest } from '../../scripts/services/kafka-metadata.ts'
import { speaksAmqp, stompLetsIn } from '../../scripts/services/stomp.ts'
import { talks } from '../../scripts/services/talk.ts'

let server: Server | undefined

afterEach(async () => {
  await new Promise<unknown>((resolve) => (server === undefined ? resolve(null) : server.close(resolve)))
  server = undefined
})

async function serve(talk: (socket: Socket) => void): Promise<number> {
  const port = await freePort()
  const opened = createServer((socket) => {
    talk(socket)
    socket.resume()
  })
  server = opened
  await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve))
  return port
}

/** What a server hears first, and answers. */
const answering = (answer: (heard: string) => string) =>
  serve((socket) => socket.on('data', (heard) => socket.write(answer(`${heard}`))))

describe('talking to a server', () => {
  it('hears an answer that comes in pieces', async () => {
    const port = await serve((socket) => {
      socket.write('PO')
      socket.on('data', () => socket.write('NG'))
    })
    expect(await talks(port, 'PING', (heard) => `${heard}`.endsWith('PONG'))).toBe(true)
  })

  it('takes an end without the answer, and nobody there, for a no', async () => {
    const port = await serve((socket) => socket.end('-ERR'))
    expect(await talks(port, 'PING', (heard) => heard.includes('PONG'))).toBe(false)
    expect(await talks(await freePort(), 'PING', () => true)).toBe(false)
  })
})

describe('Kafka', () => {
  const broker = (id: string, host: string, rack: string) =>
    `${id}0009${Buffer.from(host).toString('hex')}000042c4${rack}`
  const [first, second] = [
    broker('00000001', '127.0.0.1', 'ffff'),
    broker('00000003', '127.0.0.1', '00027231'),
  ]
  const [correlation, two, controller, topics] = ['00000001', '00000002', '00000001', '00000000']
  const body = Buffer.from(`${correlation}${two}${first}${second}${controller}${topics}`, 'hex')
  const answer = Buffer.concat([Buffer.from([0, 0, 0, body.length]), body])

  it('is asked for its brokers and for no topic', () => {
    const request = metadataRequest()
    expect(request.readInt32BE(0)).toBe(request.length - 4)
    expect([request.readInt16BE(4), request.readInt16BE(6)]).toEqual([3, 1])
    expect(request.subarray(-4).toString('hex')).toBe('00000000')
  })

  it('names its brokers once its answer is whole', () => {
    expect(brokersIn(answer)).toEqual([1, 3])
    expect(brokersIn(answer.subarray(0, -1))).toEqual([])
    expect(brokersIn(Buffer.alloc(2))).toEqual([])
  })
})

describe('ActiveMQ and Artemis', () => {
  it('let a user in by STOMP', async () => {
    const port = await answering((heard) =>
      heard.includes('passcode:right\n') ? 'CONNECTED\nversion:1.2\n\n\0' : 'ERROR\nmessage:no\n\n\0',
    )
    expect(await stompLetsIn(port, 'user', 'right')).toBe(true)
  })

  it('refuse by STOMP', async () => {
    const port = await serve((socket) => socket.on('data', () => socket.end('ERROR\nmessage:no\n\n\0')))
    expect(await stompLetsIn(port, 'user', 'wrong')).toBe(false)
  })

  it('speak AMQP 1.0 when they answer its header in kind', async () => {
    const port = await answering(() => 'AMQP\x03\x01\0\0')
    expect(await speaksAmqp(port)).toBe(true)
  })

  it('do not when they answer that of AMQP 0-9-1', async () => {
    const port = await serve((socket) => socket.end('AMQP\0\0\x09\x01'))
    expect(await speaksAmqp(port)).toBe(false)
  })
})
