export { binary, type Format, json, text, Undecodable } from '../format.ts'
export { typed } from '../typed.ts'
export { type Amqp, amqp, amqpConnector, type ConsumeFrom, type ConsumeOptions } from './amqp.ts'
export type { AmqpClient } from './amqp-client.ts'
export type { AmqpConfig, AmqpTls, ReadAmqpConfig } from './amqp-config.ts'
export type {
  Declared,
  MessageOptions,
  RequestOptions,
  SendGuarantee,
  SendOptions,
  SendTo,
  Sent,
} from './amqp-operations.ts'
export type { UnreadableMessage } from './incoming.ts'
export { amqpSpec } from './spec.ts'
