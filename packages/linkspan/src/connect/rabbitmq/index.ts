export { binary, type Format, json, text, Undecodable } from '../format.ts'
export { typed } from '../typed.ts'
export type { Published } from './publish.ts'
export type {
  DeadLetterOptions,
  Declared,
  HeaderValue,
  PublishGuarantee,
  PublishOptions,
} from './publish-operation.ts'
export { type ConsumeOptions, type Rabbitmq, rabbitmq, rabbitmqConnector } from './rabbitmq.ts'
export type { RabbitmqClient } from './rabbitmq-client.ts'
export type { RabbitmqConfig, RabbitmqTls, ReadRabbitmqConfig } from './rabbitmq-config.ts'
export { rabbitmqSpec } from './spec.ts'
export type { ExchangeSettings, QueueSettings, Topology } from './topology.ts'
export { isUnreadable, type UnreadableMessage } from './unreadable.ts'
