export { typed } from '../typed.ts'
export { type AvroOptions, avro } from './avro.ts'
export { binary, type FormatPlace, json, type KafkaFormat, text, Undecodable } from './format.ts'
export { type JsonSchemaOptions, jsonSchema } from './json-schema.ts'
export {
  type ConsumeOptions,
  type Kafka,
  kafka,
  kafkaConnector,
  type Time,
} from './kafka.ts'
export type { KafkaClient } from './kafka-client.ts'
export type {
  KafkaConfig,
  KafkaRegistryConfig,
  KafkaSasl,
  KafkaTls,
  ReadKafkaConfig,
} from './kafka-config.ts'
export type { DeadLetterOptions, Declared, ProduceGuarantee, ProduceOptions } from './kafka-operations.ts'
export type { Compression, Produced } from './produce.ts'
export { type ProtobufOptions, protobuf } from './protobuf.ts'
export type { SchemaOptions } from './registered-format.ts'
export type { SchemaReference } from './schemas.ts'
export { kafkaSpec } from './spec.ts'
export { isUnreadable, type UnreadableRecord } from './unreadable.ts'
