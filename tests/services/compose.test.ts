import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { root } from '../../scripts/lib/files.ts'
import { activemqConfiguration, activemqVersion } from '../../scripts/services/activemq.ts'
import { artemisVersion } from '../../scripts/services/artemis.ts'
import { type Broker, clusterSettings, kafkaVersion } from '../../scripts/services/kafka.ts'
import { single, triple } from '../../scripts/services/kafka-clusters.ts'
import { services } from '../../scripts/services/list.ts'
import { mosquittoConfiguration } from '../../scripts/services/mosquitto.ts'
import { natsConfiguration, natsVersion } from '../../scripts/services/nats.ts'
import { rabbitmqConfiguration, rabbitmqPlugins } from '../../scripts/services/rabbitmq.ts'
import { redisSettings } from '../../scripts/services/redis.ts'
import { registryVersion } from '../../scripts/services/registry.ts'

interface Container {
  readonly image: string
  readonly ports: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly command?: readonly string[]
  readonly configs?: readonly { readonly source: string }[]
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly healthcheck?: unknown
}

const compose = parse(readFileSync(join(root, 'compose.yaml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Container>>
  readonly configs: Readonly<Record<string, { readonly content: string }>>
}

const contentOf = (name: string) => compose.configs[name]?.content

/** All that a container is told. */
function told({ environment = {}, command = [], configs = [] }: Container): string {
  const contents = configs.map(({ source }) => contentOf(source) ?? '')
  return [...Object.values(environment), ...command, ...contents].join('\n')
}

it('has the services of the list, and no others', () => {
  expect(Object.keys(compose.services).sort()).toEqual(services.map(({ name }) => name).sort())
})

it.each(services.map((service) => [service.name, service] as const))('%s is the same', (name, service) => {
  const container = compose.services[name]!
  const published = container.ports.map((port) => port.split(':').slice(0, 2).join(':')).sort()
  const wanted = Object.values(service.ports).map((port) => `127.0.0.1:${port}`)
  expect(published).toEqual(wanted.sort())
  for (const [what, value] of Object.entries(service.credentials)) {
    const anyDatabase = what === 'database' && told(container).includes('*')
    expect(anyDatabase || told(container).includes(value)).toBe(true)
  }
  expect(Object.keys(container.depends_on ?? {})).toEqual(service.needs)
  expect(container.image).toMatch(/:./)
  expect(container.healthcheck).toBeDefined()
})

describe('what they are told', () => {
  it('is the same version, where we choose it', () => {
    const versions = {
      kafka: kafkaVersion,
      'kafka-1': kafkaVersion,
      'kafka-2': kafkaVersion,
      'kafka-3': kafkaVersion,
      nats: `${natsVersion}-alpine`,
      registry: registryVersion,
      activemq: activemqVersion,
      artemis: artemisVersion,
    }
    for (const [name, version] of Object.entries(versions)) {
      expect(compose.services[name]?.image.split(':').at(-1)).toBe(version)
    }
  })

  it('is the same configuration', () => {
    expect(contentOf('rabbitmq')).toBe(rabbitmqConfiguration('5672'))
    expect(contentOf('rabbitmq-plugins')).toBe(rabbitmqPlugins)
    expect(contentOf('mosquitto')).toBe(
      mosquittoConfiguration('1883 0.0.0.0', '/mosquitto/users', '/mosquitto/data'),
    )
    expect(contentOf('nats')).toBe(natsConfiguration('0.0.0.0', 4222, '/data'))
    const inner = { amqp: 5672, stomp: 61_613 }
    expect(contentOf('activemq')).toBe(
      activemqConfiguration('/opt/apache-activemq/data', (port) => `0.0.0.0:${inner[port]}`),
    )
    expect(compose.services['redis']?.command).toEqual(['redis-server', ...redisSettings])
  })

  const brokers = [single, triple].flatMap((cluster) =>
    cluster.brokers.map((broker) => [broker.service, broker, cluster] as const),
  )

  it.each(brokers)('is the same to %s', (name, broker, cluster) => {
    const environment = compose.services[name]?.environment ?? {}
    expect(environment).toMatchObject(variablesOf(clusterSettings(cluster)))
    expect(environment).toMatchObject({
      KAFKA_NODE_ID: broker.id,
      CLUSTER_ID: Buffer.from(cluster.id).toString('base64url'),
      KAFKA_HEAP_OPTS: `-Xms128m -Xmx${broker.heapMiB}m`,
      KAFKA_LISTENERS: `${clientListeners(broker, '')},INNER://:9092,CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `${clientListeners(broker, '127.0.0.1')},INNER://${name}:9092`,
      KAFKA_CONTROLLER_QUORUM_VOTERS: cluster.brokers
        .map(({ id, service }) => `${id}@${service}:9093`)
        .join(),
    })
  })
})

/** The image reads each setting from a variable (kafka.apache.org, "Docker image usage"). */
const variablesOf = (settings: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`,
      value,
    ]),
  )

const clientListeners = ({ port, loginPort }: Broker, host: string) =>
  `OPEN://${host}:${port},LOGIN://${host}:${loginPort}`

it('gives each service ports of its own, below those of outgoing connections and of test servers', () => {
  const ports = services.flatMap(({ ports, innerPorts = {} }) => [
    ...Object.values(ports),
    ...Object.values(innerPorts),
  ])
  expect(new Set(ports).size).toBe(ports.length)
  for (const port of ports) expect(port >= 17_000 && port < 20_000).toBe(true)
})

it('lists each service after those it needs', () => {
  const names = services.map(({ name }) => name)
  for (const { name, needs } of services) {
    for (const need of needs) expect(names.slice(0, names.indexOf(name))).toContain(need)
  }
})

it('tells the tests ports that are its own, by variables of its own', () => {
  for (const { environment, ports } of services) {
    for (const url of Object.values(environment)) {
      expect(Object.values(ports)).toContain(Number(new URL(url).port))
    }
  }
  const variables = services.flatMap(({ environment }) => Object.keys(environment))
  expect(new Set(variables).size).toBe(variables.length)
})
