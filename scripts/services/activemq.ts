import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { javaCommand } from './java.ts'
import { fromMaven } from './maven.ts'
import type { Service } from './service.ts'
import { speaksAmqp, stompLetsIn } from './stomp.ts'

export const activemqVersion = '6.3.1'

const ports = { amqp: 17_572, stomp: 17_613 }
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials
const javaVersion = '17'
const heapMiB = 256

const parts = ['broker', 'kahadb-store', 'amqp', 'stomp', 'jaas', 'spring', 'console']

const program = fromMaven({
  java: javaVersion,
  name: 'activemq',
  version: activemqVersion,
  jars: [
    ...parts.map((part) => `org.apache.activemq:activemq-${part}:${activemqVersion}`),
    'org.springframework:spring-context:7.0.8',
    'org.slf4j:slf4j-jdk14:2.0.18',
  ],
})

/** ActiveMQ Classic, put together from its jars, with AMQP 1.0, STOMP and its scheduler. */
export const activemq: Service = {
  name: 'activemq',
  about: `Apache ActiveMQ Classic, heap ${heapMiB} MiB`,
  ports,
  credentials,
  environment: {
    LINKSPAN_TEST_ACTIVEMQ_AMQP_URL: `amqp://${user}:${password}@127.0.0.1:${ports.amqp}`,
    LINKSPAN_TEST_ACTIVEMQ_STOMP_URL: `stomp://${user}:${password}@127.0.0.1:${ports.stomp}`,
  },
  needs: [],
  obtainable: program.obtainable,
  install: program.install,
  start(folder) {
    const data = join(folder, 'data')
    mkdirSync(data, { recursive: true })
    const file = join(folder, 'activemq.xml')
    writeFileSync(
      file,
      activemqConfiguration(data, (port) => `127.0.0.1:${ports[port]}`),
    )
    return javaCommand({
      java: javaVersion,
      heapMiB,
      classpath: join(program.folder(), 'lib', '*'),
      main: 'org.apache.activemq.console.command.ShellCommand',
      args: ['start', `xbean:file:${file}`],
      properties: { 'activemq.home': folder, 'activemq.base': folder },
    })
  },
  ready: async () => (await speaksAmqp(ports.amqp)) && stompLetsIn(ports.stomp, user, password),
  stop: 'SIGTERM',
}

/** What it is told here and in Docker. */
export const activemqConfiguration = (
  data: string,
  listener: (port: keyof typeof ports) => string,
): string => `<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="linkspan" dataDirectory="${data}"
    schedulerSupport="true" useJmx="false">
    <persistenceAdapter><kahaDB directory="${data}/kahadb" /></persistenceAdapter>
    <plugins>
      <simpleAuthenticationPlugin>
        <users><authenticationUser username="${user}" password="${password}" groups="users" /></users>
      </simpleAuthenticationPlugin>
    </plugins>
    <systemUsage>
      <systemUsage>
        <memoryUsage><memoryUsage limit="64 mb" /></memoryUsage>
        <storeUsage><storeUsage limit="4 gb" /></storeUsage>
        <tempUsage><tempUsage limit="1 gb" /></tempUsage>
      </systemUsage>
    </systemUsage>
    <transportConnectors>
      <transportConnector name="amqp" uri="amqp://${listener('amqp')}" />
      <transportConnector name="stomp" uri="stomp://${listener('stomp')}" />
    </transportConnectors>
  </broker>
</beans>
`
