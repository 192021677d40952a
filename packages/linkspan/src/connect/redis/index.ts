export { binary, type Format, json, text } from '../format.ts'
export type { TlsConfig } from '../tls.ts'
export { typed } from '../typed.ts'
export type { Added, EntryOptions, Trim } from './add.ts'
export type { UnreadableEntry } from './incoming.ts'
export type { Link } from './link.ts'
export { type ConsumeOptions, type ReadOptions, type Redis, redis, redisConnector } from './redis.ts'
export type { RedisClient } from './redis-client.ts'
export type { ReadRedisConfig, RedisConfig, RedisPlace } from './redis-config.ts'
export type {
  AddGuarantee,
  AddOptions,
  Declared,
  GetOptions,
  NamedOptions,
  PublishOptions,
  SetOptions,
} from './redis-operations.ts'
export type { RedisArgument, RedisReply } from './redis-package.ts'
export { redisSpec } from './spec.ts'
export type { ChannelOptions, KeyOptions, Published, ValueOptions, WasSet } from './values.ts'
