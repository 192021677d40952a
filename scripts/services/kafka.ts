import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answers } from '../lib/loopback.ts'
import { javaCommand } from './java.ts'
import { brokersIn, metadataRequest } from './kafka-metadata.ts'
import { fromMaven } from './maven.ts'
import { runOrThrow } from './programs.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

export const kafkaVersion = '4.4.0'

const javaVersion = '17'
const credentials = { user: 'linkspan', password: 'linkspan' }

const program = fromMaven({
  java: javaVersion,
  name: 'kafka',
  version: kafkaVersion,
  jars: [`org.apache.kafka:kafka_2.13:${kafkaVersion}`, 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5'],
  // The interfaces of the console tools.
  without: ['org.apache.kafka:kafka-tools-api'],
})

/** A broker that is its own controller too. */
export interface Broker {
  readonly service: string
  readonly id: number
  /** Without login. */
  readonly port: number
  /** With login, by SASL PLAIN. */
  readonly loginPort: number
  readonly controllerPort: number
  readonly heapMiB: number
}

/** A cluster, with the name that its data is marked by: 16 bytes. */
export interface Cluster {
  readonly id: string
  readonly about: string
  readonly brokers: readonly Broker[]
}

/** Settings that hold here and in Docker. Topics are made by who needs them; what is written is on most brokers. */
export function clusterSettings({ brokers }: Cluster): Readonly<Record<string, string>> {
  const copies = String(brokers.length)
  const most = String(Math.ceil((brokers.length + 1) / 2))
  return {
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.login.plain.sasl.jaas.config': jaas,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': most,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': most,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': most,
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'log.retention.hours': '24',
  }
}

const { user, password } = credentials
const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";`

/** The services of a cluster: one a broker. */
export const kafkaServices = (cluster: Cluster): readonly Service[] =>
  cluster.brokers.map((broker) => serviceOf(broker, cluster))

function serviceOf(broker: Broker, cluster: Cluster): Service {
  const variable = `LINKSPAN_TEST_${broker.service.toUpperCase().replaceAll('-', '_')}`
  const { obtainable, install } = program
  return {
    name: broker.service,
    about: `${cluster.about}, heap ${broker.heapMiB} MiB`,
    ports: { kafka: broker.port, login: broker.loginPort },
    innerPorts: { controller: broker.controllerPort },
    credentials,
    environment: {
      [`${variable}_URL`]: `kafka://127.0.0.1:${broker.port}`,
      [`${variable}_LOGIN_URL`]: `kafka://${user}:${password}@127.0.0.1:${broker.loginPort}`,
    },
    needs: [],
    obtainable,
    install,
    start: (folder) => start(broker, cluster, folder),
    ready: () => ready(broker, cluster),
    stop: 'SIGTERM',
  }
}

function start(broker: Broker, cluster: Cluster, folder: string) {
  const [settings, logging, data] = ['server.properties', 'log4j2.properties', 'data'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  mkdirSync(data, { recursive: true })
  writeFileSync(
    settings,
    propertiesOf({ ...clusterSettings(cluster), ...brokerSettings(broker, cluster, data) }),
  )
  writeFileSync(logging, log4j)
  const classpath = join(program.folder(), 'lib', '*')
  const run = (heapMiB: number, main: string, args: readonly string[]) => {
    const properties = { 'log4j2.configurationFile': logging }
    return javaCommand({ java: javaVersion, heapMiB, classpath, main, args, properties })
  }
  if (!existsSync(join(data, 'meta.properties'))) {
    const id = Buffer.from(cluster.id).toString('base64url')
    const format = run(64, 'kafka.tools.StorageTool', ['format', '-t', id, '-c', settings])
    runOrThrow(format.file, format.args)
  }
  return run(broker.heapMiB, 'kafka.Kafka', [settings])
}

function brokerSettings(
  broker: Broker,
  { brokers }: Cluster,
  data: string,
): Readonly<Record<string, string>> {
  const open = `OPEN://127.0.0.1:${broker.port},LOGIN://127.0.0.1:${broker.loginPort}`
  return {
    'process.roles': 'broker,controller',
    'node.id': String(broker.id),
    'controller.quorum.voters': brokers
      .map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
      .join(','),
    listeners: `${open},CONTROLLER://127.0.0.1:${broker.controllerPort}`,
    'advertised.listeners': open,
    'listener.security.protocol.map': 'OPEN:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'OPEN',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
  }
}

const propertiesOf = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

const log4j = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
`

/**
 * A broker is ready when it says of itself that it takes part. Before most of the cluster runs no broker can: the first
 * ones are then ready for the others to join.
 */
async function ready(broker: Broker, { brokers }: Cluster): Promise<boolean> {
  if (await takesPart(broker)) return true
  const others = brokers.filter(({ id }) => id !== broker.id)
  const running = await Promise.all(others.map(controls))
  const most = Math.floor(brokers.length / 2) + 1
  return running.filter(Boolean).length + 1 < most && (await controls(broker))
}

const takesPart = ({ port, id }: Broker) =>
  talks(port, metadataRequest(), (heard) => brokersIn(heard).includes(id))

const controls = ({ controllerPort }: Broker) => answers(controllerPort)
