import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianServer } from './debian.ts'
import { runOrThrow, versionOf } from './programs.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

const program = '/usr/sbin/mosquitto'
const port = 17_883
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials

/** Mosquitto, for MQTT 3.1.1 and 5. */
export const mosquitto: Service = {
  name: 'mosquitto',
  about: 'Mosquitto, MQTT 5',
  ports: { mqtt: port },
  credentials,
  environment: { LINKSPAN_TEST_MQTT_URL: `mqtt://${user}:${password}@127.0.0.1:${port}` },
  needs: [],
  ...debianServer('mosquitto', [program], () => versionOf(program, '-h')),
  start(folder) {
    const [data, users] = [join(folder, 'data'), join(folder, 'users')]
    mkdirSync(data, { recursive: true })
    runOrThrow('mosquitto_passwd', ['-b', '-c', users, user, password])
    const file = join(folder, 'mosquitto.conf')
    writeFileSync(file, `${mosquittoConfiguration(`${port} 127.0.0.1`, users, data)}${asRoot()}`)
    return { file: program, args: ['-c', file] }
  },
  ready: () => talks(port, hello(), welcomes),
  stop: 'SIGTERM',
}

/** What it is told here and in Docker. */
export const mosquittoConfiguration = (
  listener: string,
  users: string,
  data: string,
): string => `listener ${listener}
allow_anonymous false
password_file ${users}
persistence true
persistence_location ${data}/
log_dest stdout
`

/** Else it would look for a user of its own, who may not enter its folder. */
const asRoot = () => (process.getuid?.() === 0 ? 'user root\n' : '')

/** CONNECT of MQTT 5 with a clean start, a user and a password (MQTT 5, 3.1). */
function hello(): Buffer {
  const head = Buffer.from([0, 4, ...Buffer.from('MQTT'), 5, 0b1100_0010, 0, 10, 0])
  const rest = Buffer.concat([head, ...['', user, password].map(text)])
  return Buffer.concat([Buffer.from([0x10, rest.length]), rest])
}

const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])

/** CONNACK whose reason is success. */
const welcomes = (heard: Buffer) => heard.length > 3 && heard[0] === 0x20 && heard[3] === 0
