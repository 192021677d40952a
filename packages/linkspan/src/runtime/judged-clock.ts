import type { Clock, Logger } from '../model/outside.ts'

/** A clock that a journal puts right. */
export interface JudgedClock extends Clock {
  /** From now on the journal's clock is the judge, which answers null where it has none of its own. */
  judgeBy(journal: () => number | null): void
  /** Says so in the log when the machine's clock turns out wrong, and when it is right again. */
  look(): Promise<void>
}

/** A clock that is out by less is taken as it is: what it says is then as good as an answer of the journal. */
const TOLERANCE_MS = 1_000

/**
 * Makes the clock that an engine goes by. Engines which share a journal put times into it that the others act on: when
 * a delay ends, when a message ended, until when state is kept. So all of them go by the journal's clock. One whose
 * machine's clock is wrong, from the start or as somebody set it, forgets nothing too early and sends nothing too early.
 */
export function judgedClock(machine: Clock, logger: Logger): JudgedClock {
  let judge: () => number | null = () => null
  let isWrong = false

  const aheadMs = (): number => machine.now() - (judge() ?? machine.now())
  return {
    now() {
      const judged = judge()
      const own = machine.now()
      return judged === null || Math.abs(own - judged) <= TOLERANCE_MS ? own : Math.floor(judged)
    },
    monotonic: () => machine.monotonic(),
    timer: (afterMs, run) => machine.timer(afterMs, run),
    defer: (run) => machine.defer(run),
    judgeBy(journal) {
      judge = journal
    },
    async look() {
      const ahead = Math.round(aheadMs())
      const wrong = Math.abs(ahead) > TOLERANCE_MS
      if (wrong === isWrong) return
      isWrong = wrong
      if (wrong) logger.log('warn', 'clock.wrong', { aheadMs: ahead, goesBy: 'the clock of the journal' })
      else logger.log('info', 'clock.right', { aheadMs: ahead })
    },
  }
}
