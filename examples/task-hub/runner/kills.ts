import { setTimeout as pause } from 'node:timers/promises'
import { integerBetween, seededRandom } from '../lib/random.ts'
import { endingTally, readMetrics } from './metrics.ts'
import type { RunOptions } from './options.ts'
import type { Stage } from './stage.ts'

const FIRST_SHARE = 0.03
const LAST_SHARE = 0.92
const MORE_KILLS = 3
const LOOK_EVERY_MS = 15
const LONGEST_DELAY_MS = 40

/** After how many accepted messages the hub is killed: at least `kills` moments, drawn from the seed. */
export function momentsOf({
  seed,
  kills,
  messages,
}: Pick<RunOptions, 'seed' | 'kills' | 'messages'>): readonly number[] {
  if (kills === 0) return []
  const random = seededRandom(seed, 'kills')
  const number = kills + integerBetween(random, 0, MORE_KILLS)
  const shares = Array.from({ length: number }, () => FIRST_SHARE + random() * (LAST_SHARE - FIRST_SHARE))
  return shares.sort((a, b) => a - b).map((share) => Math.floor(share * messages))
}

/**
 * Kills the hub with SIGKILL at each moment and starts it again. In flight is what the feeder has accepted less what
 * the hub's metrics call ended, asked immediately before; a kill waits until that is enough. The hub's own count of
 * what is open is asked too, and the smaller of both is taken, because counters that start again at zero after a
 * kill would make the difference too large.
 */
export async function killRepeatedly(
  stage: Stage,
  options: RunOptions,
  finished: () => boolean,
): Promise<void> {
  const random = seededRandom(options.seed, 'delays')
  const tally = endingTally()
  for (const moment of momentsOf(options)) {
    while (stage.progress.accepted < moment && !finished()) await pause(LOOK_EVERY_MS)
    await pause(random() * LONGEST_DELAY_MS)
    await killWhenBusy(stage, options, tally, finished)
  }
}

async function killWhenBusy(
  stage: Stage,
  options: RunOptions,
  tally: ReturnType<typeof endingTally>,
  finished: () => boolean,
): Promise<void> {
  while (!finished()) {
    const metrics = await readMetrics(stage.hub.url)
    const { accepted } = stage.progress
    if (metrics) tally.add(metrics)
    const ended = tally.total()
    const inFlight = metrics ? Math.min(accepted - ended, metrics.open) : 0
    if (metrics && inFlight >= options.inFlight) {
      const pid = stage.hub.pid()
      await stage.hub.kill()
      stage.log.write({ event: 'kill', pid, accepted, ended, inFlight })
      return stage.startHub()
    }
    await pause(LOOK_EVERY_MS)
  }
}
