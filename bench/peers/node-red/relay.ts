import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import RED from 'node-red'
import { announce, onStop, participantEnv } from '../../participant/protocol.ts'
import { transform } from '../../workload/order.ts'

const env = participantEnv()
const tab = 'relay'
const code = `const transform = ${transform.toString()}
const order = msg.payload
msg.payload = transform(order)
msg.method = 'POST'
msg.url = ${JSON.stringify(env.sinkUrl)}
msg.headers = { 'content-type': 'application/json', 'idempotency-key': order.id }
return msg`

writeFileSync(
  join(env.dataDir, 'flows.json'),
  JSON.stringify([
    { id: tab, type: 'tab', label: 'relay' },
    { id: 'in', type: 'http in', z: tab, url: '/in', method: 'post', wires: [['accepted', 'transform']] },
    { id: 'accepted', type: 'http response', z: tab, statusCode: '202', wires: [] },
    { id: 'transform', type: 'function', z: tab, func: code, outputs: 1, wires: [['deliver']] },
    { id: 'deliver', type: 'http request', z: tab, method: 'use', ret: 'txt', persist: true, wires: [[]] },
  ]),
)

const app = express()
const server = createServer(app)
RED.init(server, {
  httpAdminRoot: false,
  httpNodeRoot: '/',
  userDir: env.dataDir,
  flowFile: 'flows.json',
  credentialSecret: false,
  logging: { console: { level: 'error' } },
  functionExternalModules: false,
})
app.use('/', RED.httpNode)
const started = new Promise<void>((resolve) => RED.events.once('flows:started', () => resolve()))
await RED.start()
await started
server.listen(env.port, '127.0.0.1', 1024, () => announce((server.address() as AddressInfo).port))

onStop(async () => {
  server.close()
  await RED.stop()
})
