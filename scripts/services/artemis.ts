import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { javaCommand } from './java.ts'
import { fromMaven } from './maven.ts'
import type { Service } from './service.ts'
import { speaksAmqp, stompLetsIn } from './stomp.ts'

export const artemisVersion = '2.44.0'

const ports = { amqp: 17_772, stomp: 17_713 }
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials
const javaVersion = '17'
const heapMiB = 256

const program = fromMaven({
  java: javaVersion,
  name: 'artemis',
  version: artemisVersion,
  archive: `org.apache.activemq:apache-artemis:${artemisVersion}:zip:bin`,
})

/** ActiveMQ Artemis with AMQP 1.0 and STOMP. */
export const artemis: Service = {
  name: 'artemis',
  about: `Apache ActiveMQ Artemis, heap ${heapMiB} MiB`,
  ports,
  credentials,
  environment: {
    LINKSPAN_TEST_ARTEMIS_AMQP_URL: `amqp://${user}:${password}@127.0.0.1:${ports.amqp}`,
    LINKSPAN_TEST_ARTEMIS_STOMP_URL: `stomp://${user}:${password}@127.0.0.1:${ports.stomp}`,
  },
  needs: [],
  obtainable: program.obtainable,
  install: program.install,
  start(folder) {
    const home = homeIn(program.folder())
    const [etc, data] = [join(folder, 'etc'), join(folder, 'data')]
    for (const path of [etc, data]) mkdirSync(path, { recursive: true })
    for (const [name, text] of Object.entries(filesOf(etc, data))) writeFileSync(join(etc, name), text)
    return javaCommand({
      java: javaVersion,
      heapMiB,
      classpath: join(home, 'lib', 'artemis-boot.jar'),
      main: 'org.apache.activemq.artemis.boot.Artemis',
      args: ['run'],
      properties: propertiesOf(home, folder, etc, data),
    })
  },
  ready: async () => (await speaksAmqp(ports.amqp)) && stompLetsIn(ports.stomp, user, password),
  stop: 'SIGTERM',
}

const propertiesOf = (home: string, folder: string, etc: string, data: string) => ({
  'artemis.home': home,
  'artemis.instance': folder,
  'artemis.instance.etc': etc,
  'data.dir': data,
  'java.security.auth.login.config': join(etc, 'login.config'),
  'log4j2.disableJmx': 'true',
})

/** The archive holds one folder with the version in its name. */
function homeIn(folder: string): string {
  const name = readdirSync(folder).find((entry) => existsSync(join(folder, entry, 'lib')))
  if (name === undefined) throw new Error(`${folder} has no Artemis. Delete it, and bring artemis up again.`)
  return join(folder, name)
}

const filesOf = (etc: string, data: string) => ({
  'broker.xml': broker(data),
  'bootstrap.xml': bootstrap(join(etc, 'broker.xml')),
  'management.xml': '<management-context xmlns="http://activemq.apache.org/schema"/>\n',
  'login.config': login,
  'users.properties': `${user} = ${password}\n`,
  'roles.properties': `users = ${user}\n`,
})

const bootstrap = (file: string) => `<broker xmlns="http://activemq.apache.org/schema">
  <jaas-security domain="activemq"/>
  <server configuration="file:${file}"/>
</broker>
`

const login = `activemq {
  org.apache.activemq.artemis.spi.core.security.jaas.PropertiesLoginModule required
    org.apache.activemq.jaas.properties.user="users.properties"
    org.apache.activemq.jaas.properties.role="roles.properties";
};
`

const rights = [
  ...['createNonDurableQueue', 'deleteNonDurableQueue', 'createDurableQueue', 'deleteDurableQueue'],
  ...['createAddress', 'deleteAddress', 'consume', 'browse', 'send', 'manage'],
]

const broker = (data: string) => `<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>linkspan</name>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <bindings-directory>${data}/bindings</bindings-directory>
    <journal-directory>${data}/journal</journal-directory>
    <paging-directory>${data}/paging</paging-directory>
    <large-messages-directory>${data}/large-messages</large-messages-directory>
    <global-max-size>64Mb</global-max-size>
    <acceptors>
      <acceptor name="amqp">tcp://127.0.0.1:${ports.amqp}?protocols=AMQP</acceptor>
      <acceptor name="stomp">tcp://127.0.0.1:${ports.stomp}?protocols=STOMP</acceptor>
    </acceptors>
    <security-settings>
      <security-setting match="#">
        ${rights.map((right) => `<permission type="${right}" roles="users"/>`).join('\n        ')}
      </security-setting>
    </security-settings>
    <address-settings>
      <address-setting match="#">
        <dead-letter-address>DLQ</dead-letter-address>
        <expiry-address>ExpiryQueue</expiry-address>
        <address-full-policy>PAGE</address-full-policy>
        <auto-delete-queues>false</auto-delete-queues>
        <auto-delete-addresses>false</auto-delete-addresses>
      </address-setting>
    </address-settings>
    <addresses>
      <address name="DLQ"><anycast><queue name="DLQ"/></anycast></address>
      <address name="ExpiryQueue"><anycast><queue name="ExpiryQueue"/></anycast></address>
    </addresses>
  </core>
</configuration>
`
