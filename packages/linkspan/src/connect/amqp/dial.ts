import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { AmqpAddress, ReadAmqpConfig } from './amqp-config.ts'
import type { Dial } from './amqp-package.ts'

/** How sockets are made: over TCP, or over TLS for `amqps://`. */
export type DialTo = (address: AmqpAddress, config: ReadAmqpConfig) => Dial

/** Over the network. */
export const dialTo: DialTo = (address, config) => (connected) => {
  const socket = address.secure
    ? connectTls({ ...address, ...tlsOptions(address, config) }, connected)
    : connectTcp(address, connected)
  return noDelay(socket)
}

/** Transfers are small and come one by one: they must not wait for each other. */
function noDelay(socket: Socket): Socket {
  return socket.setNoDelay(true).setKeepAlive(true)
}

function tlsOptions({ host }: AmqpAddress, { tls }: ReadAmqpConfig): object {
  const { serverName = host, ...rest } = tls ?? {}
  const isName = !/^[\d.]+$|:/.test(serverName)
  return { ...rest, ...(isName ? { servername: serverName } : {}) }
}
