/**
 * A program that lies between a client and the server at TARGET_PORT of this machine: what goes there comes DELAY_MS
 * later. It listens on PORT.
 */
import { startProxy } from '../../tests/faults/proxy/proxy.ts'

const { TARGET_PORT, DELAY_MS, PORT } = process.env
const proxy = await startProxy({ target: { port: Number(TARGET_PORT) }, port: Number(PORT) })
proxy.use({ kind: 'delay', ms: Number(DELAY_MS), direction: 'request' })
