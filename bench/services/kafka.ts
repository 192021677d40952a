import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../scripts/lib/free-port.ts'
import { type Broker, type Cluster, kafkaServices } from '../../scripts/services/kafka.ts'
import { single } from '../../scripts/services/kafka-clusters.ts'
import { temporaryFolder } from '../run/temporary.ts'
import { startDaemon, startLimitMs } from './daemon.ts'
import type { ServiceStart } from './service.ts'

/** A Kafka broker of its own, as the tests have it: one broker, its log's settings at their defaults. */
export const startKafka = async (env: Readonly<Record<string, string>>): Promise<ServiceStart> => {
  const broker: Broker = {
    ...(single.brokers[0] as Broker),
    port: await freePort(),
    loginPort: await freePort(),
    controllerPort: await freePort(),
  }
  const cluster: Cluster = { ...single, brokers: [broker] }
  const [service] = kafkaServices(cluster)
  if (service === undefined) return { unavailable: 'there is no broker in the cluster' }
  const obtainable = service.obtainable()
  if (obtainable.state === 'no') return { unavailable: obtainable.why }
  if (obtainable.state === 'install') service.install()
  const folder = temporaryFolder('kafka')
  const program = service.start(join(folder.path, 'broker'))
  const daemon = await startDaemon({
    command: program.file,
    args: program.args,
    env,
    cwd: folder.path,
    port: broker.port,
    stopSignal: 'SIGTERM',
  })
  for (let waited = 0; !(await service.ready(folder.path)); waited += 100) {
    if (waited > startLimitMs) throw new Error(`Kafka on port ${broker.port} did not become ready`)
    await sleep(100)
  }
  return {
    service: {
      pid: daemon.pid,
      envFor: async () => ({ KAFKA_BROKERS: `127.0.0.1:${broker.port}` }),
      stop: async () => {
        await daemon.stop()
        folder.remove()
      },
    },
  }
}
