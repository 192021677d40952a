import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BareRates } from '../floor/bare/rates.ts'
import { runRound } from './round.ts'

export type Bare = BareRates & { readonly http: number }

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The machine's own rates, measured beside the table that they belong to. `env` is the slow disk's. */
export const measureBare = async (
  env: Readonly<Record<string, string>>,
  connections: number,
): Promise<Bare> => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file('../floor/bare/rates.ts')], {
    env: { ...process.env, ...env },
    maxBuffer: 1 << 20,
  })
  if (status !== 0) throw new Error(`the bare rates could not be measured: ${stderr.toString()}`)
  return { ...(JSON.parse(stdout.toString()) as BareRates), http: await httpRate(connections) }
}

const httpRate = async (connections: number): Promise<number> => {
  const { load } = await runRound({
    name: 'bare node:http',
    command: ({ sinkUrl, dataDir }) => ({
      command: process.execPath,
      args: [file('../floor/bare/http.ts')],
      env: { PORT: '0', SINK_URL: sinkUrl, DATA_DIR: dataDir },
    }),
    servicePids: [],
    connections,
    seconds: 2,
    warmUpSeconds: 1,
    idleSeconds: 0,
    acceptOnly: true,
  })
  return load.accepted / load.seconds
}
