/**
 * What every participant of the benchmark speaks, so that the driver needs to know nothing else of it.
 *
 * A participant is started with `PORT` (0 picks a free one), `SINK_URL` and `DATA_DIR`, prints one JSON
 * line `{"ready":true,"ports":[N]}` (several where it is several engines: the load is spread over them), answers `POST /in` (JSON) with 202 once the message is kept, and on
 * SIGTERM finishes what it has, prints its final line and exits.
 */
export type ReadyLine = { readonly ready: true; readonly ports: readonly number[] }

export type FinalLine = {
  readonly final: true
  readonly cpuMicros: { readonly user: number; readonly system: number }
  readonly rssBytes: number
}

export type ParticipantEnv = {
  readonly port: number
  readonly sinkUrl: string
  readonly dataDir: string
}

/** Reads the environment a participant is started with; throws with the missing name. */
export const participantEnv = (env: NodeJS.ProcessEnv = process.env): ParticipantEnv => ({
  port: Number(env['PORT'] ?? 0),
  sinkUrl: required(env, 'SINK_URL'),
  dataDir: required(env, 'DATA_DIR'),
})

/** Tells the driver that messages are accepted from now on. */
export const announce = (...ports: readonly number[]): void =>
  print({ ready: true, ports } satisfies ReadyLine)

/** Calls `drain` once on SIGTERM, then prints the final line and exits. */
export const onStop = (drain: () => Promise<void> | void): void => {
  process.once('SIGTERM', () => {
    Promise.resolve(drain()).then(
      () => finish(0),
      (error: unknown) => {
        console.error(error)
        finish(1)
      },
    )
  })
}

const finish = (code: number): void => {
  print(finalLine())
  process.exit(code)
}

const finalLine = (): FinalLine => ({
  final: true,
  cpuMicros: process.cpuUsage(),
  rssBytes: process.memoryUsage.rss(),
})

const print = (line: ReadyLine | FinalLine): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const required = (env: NodeJS.ProcessEnv, name: string): string => {
  const value = env[name]
  if (value === undefined || value === '') {
    throw new Error(
      `${name} is not set: a participant is started by bench/bench.ts, or by hand with ${name}=…`,
    )
  }
  return value
}
