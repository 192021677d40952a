import type { Clock } from '../../model/outside.ts'
import { importClient } from '../clients.ts'
import type { ConnectEnvironment } from '../connector.ts'
import type { ReadKafkaConfig } from './kafka-config.ts'
import { kafkaError } from './kafka-error.ts'
import type {
  KafkaAdmin,
  KafkaConsumer,
  KafkaPackage,
  KafkaProducer,
  TopicSettings,
} from './kafka-package.ts'
import { createSchemas, type Schemas } from './schemas.ts'
import { packages } from './spec.ts'

/** A connection in use. Each source has a consumer of its own; all operations share one producer. */
export interface KafkaClient {
  /** The addresses, for people. */
  readonly system: string
  readonly clock: Clock
  readonly schemas: Schemas
  readonly batchBytes: number
  /** A member of a group, to be ended by `leave`. */
  consumer(options: Readonly<Record<string, unknown>>): KafkaConsumer
  leave(member: KafkaConsumer): Promise<void>
  /** Runs one request at a time: while one fails, the producer takes a new identity, which must not happen under another. */
  produce<T>(run: (producer: KafkaProducer) => Promise<T>): Promise<T>
  /** Reads as no member of a group, one at a time. */
  read<T>(run: (reader: KafkaConsumer) => Promise<T>): Promise<T>
  /** The settings of topics that say how durable they are. */
  topicSettings(topics: readonly string[]): Promise<readonly TopicSettings[]>
  /** Counts up, so that records without a key come to all partitions. */
  nextTurn(): number
  close(): Promise<void>
}

const RETRY_DELAY_MS = 500
/** A member that does not reach its coordinator for this many tries is shown as failing, and made anew. */
const MEMBER_RETRIES = 20
const ACKNOWLEDGED_BY_ALL = -1
/** Reads all that is there, also past a transaction that is open. */
const READER = { retries: 2, autocommit: false, isolationLevel: 0 }

/** Imports the client library and makes a connection of it; nothing is sent yet. */
export async function kafkaClient(
  config: ReadKafkaConfig,
  environment: ConnectEnvironment,
): Promise<KafkaClient> {
  const library = await importClient<KafkaPackage>(packages.kafka, environment)
  return clientOf(library, config, environment)
}

/** A connection on a library that was imported already. */
export function clientOf(
  library: KafkaPackage,
  config: ReadKafkaConfig,
  environment: ConnectEnvironment,
): KafkaClient {
  const common = commonOptions(config)
  let producer: KafkaProducer | null = null
  let reader: KafkaConsumer | null = null
  const members = new Set<KafkaConsumer>()
  let turn = -1
  const theProducer = (): KafkaProducer => {
    producer ??= unheard(new library.Producer({ ...common, ...producerOptions(config) }))
    return producer
  }
  const theReader = (): KafkaConsumer => {
    reader ??= unheard(new library.Consumer({ ...common, ...READER, groupId: `${config.clientId}-reader` }))
    return reader
  }
  const producing = inTurn()
  const reading = inTurn()

  return {
    system: config.brokers.join(', '),
    clock: environment.clock,
    schemas: createSchemas(config.registry, environment),
    batchBytes: config.batchBytes,
    consumer(options) {
      const member = unheard(
        new library.Consumer({ ...common, retries: MEMBER_RETRIES, autocommit: false, ...options }),
      )
      members.add(member)
      return member
    },
    async leave(member) {
      members.delete(member)
      await member.close(true)
    },
    produce: (run) => producing(() => run(theProducer())),
    read: (run) => reading(() => run(theReader())),
    async topicSettings(topics) {
      const admin = unheard(new library.Admin({ ...common, retries: READER.retries }))
      try {
        return await durabilityOf(admin, topics)
      } finally {
        await admin.close()
      }
    },
    nextTurn: () => {
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER
      return turn
    },
    async close() {
      await Promise.all([producer, reader, ...members].map((each) => each?.close(true)))
    },
  }
}

const TOPIC_RESOURCE = 2
const DURABILITY = ['min.insync.replicas', 'unclean.leader.election.enable']

async function durabilityOf(admin: KafkaAdmin, topics: readonly string[]): Promise<readonly TopicSettings[]> {
  const resources = topics.map((resourceName) => ({
    resourceType: TOPIC_RESOURCE,
    resourceName,
    configurationKeys: DURABILITY,
  }))
  const found = await admin.describeConfigs({ resources })
  return found.map(({ resourceName, configs }) => ({
    topic: resourceName,
    settings: new Map(configs.map(({ name, value }) => [name, value ?? ''])),
  }))
}

/** Whether the cluster answers. */
export async function checkKafka(client: KafkaClient): Promise<void> {
  try {
    await client.read((reader) => reader.metadata({ topics: [], forceUpdate: true }))
  } catch (error) {
    throw kafkaError(error, { what: `asking ${client.system} for its brokers`, writes: false })
  }
}

/** Runs one thing at a time, in the order in which they come. */
function inTurn(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const mine = last.then(run)
    last = mine.catch(() => undefined)
    return mine
  }
}

/** An error that nobody listens to ends the process; what it says comes with the request that fails by it, too. */
function unheard<Client extends KafkaProducer | KafkaConsumer | KafkaAdmin>(client: Client): Client {
  client.on('error', () => undefined)
  return client
}

function commonOptions(config: ReadKafkaConfig): Readonly<Record<string, unknown>> {
  const { brokers, clientId, connectTimeout, sasl, tls, serverName } = config
  return {
    bootstrapBrokers: [...brokers],
    clientId,
    connectTimeout,
    retryDelay: RETRY_DELAY_MS,
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
    ...(tls === undefined ? {} : { tls: definedOnly(tls) }),
    ...(serverName === undefined ? {} : { tlsServerName: serverName }),
  }
}

function saslOptions(sasl: NonNullable<ReadKafkaConfig['sasl']>): Readonly<Record<string, unknown>> {
  if (sasl.mechanism === 'OAUTHBEARER') return { mechanism: sasl.mechanism, token: sasl.token }
  return { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password }
}

/**
 * A request is sent again with the same sequence numbers, which the brokers recognise, for about the delivery's time
 * limit. An answer is waited for as long: the client does not send a request again that had no answer.
 */
function producerOptions({ deliveryTimeout }: ReadKafkaConfig): Readonly<Record<string, unknown>> {
  return {
    idempotent: true,
    acks: ACKNOWLEDGED_BY_ALL,
    retries: Math.max(2, Math.ceil(deliveryTimeout / RETRY_DELAY_MS)),
    requestTimeout: deliveryTimeout,
    timeout: Math.min(30_000, deliveryTimeout),
  }
}

function definedOnly(options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
