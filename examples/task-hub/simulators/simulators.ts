import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endWithParent, tellParent } from '../lib/parent.ts'
import { type Sink, SUBSCRIBERS } from '../protocol.ts'
import { board } from './board.ts'
import { bugs } from './bugs.ts'
import { chat } from './chat.ts'
import { DEFAULT_RATES, NO_OUTAGES, scaleRates, seededOutages } from './faults.ts'
import { type SinkServer, serveSink } from './server.ts'
import { subscribers } from './subscribers.ts'

/** What the simulators' process tells the runner when it listens. */
export interface SimulatorsReady {
  readonly ready: true
  readonly urls: Readonly<Record<Sink, string>>
}

const HELP = 'Usage: node simulators.ts --logs FOLDER [--seed N] [--faults FACTOR]'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      logs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      faults: { type: 'string', default: '1' },
    },
  })
  const logs = values.logs
  if (logs === undefined) throw new Error(`--logs is missing. ${HELP}`)
  const factor = numberOf('--faults', values.faults)
  const rates = scaleRates(DEFAULT_RATES, factor)
  const seed = numberOf('--seed', values.seed)
  const serve = (sink: Sink, simulator: Parameters<typeof serveSink>[0]): Promise<SinkServer> => {
    const outages = sink === 'board' && factor > 0 ? seededOutages(seed, sink) : NO_OUTAGES
    return serveSink(simulator, { seed, rates, outages, log: join(logs, `${sink}.ndjson`) })
  }
  const servers = {
    board: await serve('board', board()),
    bugs: await serve('bugs', bugs()),
    subscribers: await serve('subscribers', subscribers(SUBSCRIBERS)),
    chat: await serve('chat', chat()),
  }
  const { board: b, bugs: g, subscribers: s, chat: c } = servers
  const message: SimulatorsReady = {
    ready: true,
    urls: { board: b.url, bugs: g.url, subscribers: s.url, chat: c.url },
  }
  console.log(JSON.stringify(message))
  tellParent(message)
  process.once('SIGTERM', async () => {
    await Promise.all(Object.values(servers).map((server) => server.close()))
    process.exit(0)
  })
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`${name} ${text} is not a number of at least 0. ${HELP}`)
  return value
}

endWithParent()
// Ctrl-C reaches the whole group; the runner ends this process in its own order.
process.on('SIGINT', () => undefined)
await main()
