import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { javaCommand } from './java.ts'
import { fromMaven } from './maven.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

export const registryVersion = '3.3.3'

const port = 17_081
const path = '/apis/ccompat/v7'
const javaVersion = '21'
const heapMiB = 192

const program = fromMaven({
  java: javaVersion,
  name: 'registry',
  version: registryVersion,
  archive: `io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`,
})

/** A schema registry with Confluent's API: Apicurio, which answers it below `/apis/ccompat`. */
export const registry: Service = {
  name: 'registry',
  about: `Apicurio schema registry, heap ${heapMiB} MiB`,
  ports: { http: port },
  credentials: {},
  environment: { LINKSPAN_TEST_REGISTRY_URL: `http://127.0.0.1:${port}${path}` },
  needs: [],
  obtainable: program.obtainable,
  install: program.install,
  start(folder) {
    mkdirSync(join(folder, 'data'), { recursive: true })
    return javaCommand({
      java: javaVersion,
      heapMiB,
      classpath: join(program.folder(), 'quarkus-run.jar'),
      main: 'io.quarkus.bootstrap.runner.QuarkusEntryPoint',
      args: [],
      properties: {
        'quarkus.http.host': '127.0.0.1',
        'quarkus.http.port': String(port),
        'apicurio.storage.sql.kind': 'h2',
        'apicurio.datasource.url': `jdbc:h2:file:${join(folder, 'data', 'registry')}`,
      },
    })
  },
  ready: () => talks(port, question, (heard) => heard.toString().startsWith('HTTP/1.1 200')),
  stop: 'SIGTERM',
}

const question = `GET ${path}/subjects HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`
