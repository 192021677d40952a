import { systemOf, type Trial } from './trial.ts'

/** How a system is hurt and healed, in the course of a test. */
export interface Trouble {
  /** `a source goes on by itself …` */
  readonly after: string
  /** `each message gets through …` */
  readonly through: string
  begin(trial: Trial): Promise<void>
  end(trial: Trial): Promise<void>
}

export type TroubleName = 'restart' | 'cut' | 'freeze' | 'slow'

/** How late a slow system answers, by the suite's clock. */
const SLOW_MS = 2_000

export const TROUBLES: Readonly<Record<TroubleName, Trouble>> = {
  restart: {
    after: 'after its server was restarted',
    through: 'a server that is down and comes back',
    begin: (trial) => systemOf(trial).stop(),
    end: (trial) => systemOf(trial).start(),
  },
  cut: {
    after: 'after its connections were broken',
    through: 'connections that break',
    begin: (trial) => systemOf(trial).cut(),
    end: async () => undefined,
  },
  freeze: {
    after: 'after its server stood still for a while',
    through: 'a server that stands still for a while',
    begin: (trial) => systemOf(trial).freeze(),
    end: (trial) => systemOf(trial).thaw(),
  },
  slow: {
    after: 'while its server is slow',
    through: 'a slow server',
    begin: (trial) => systemOf(trial).delay(SLOW_MS),
    // It stays so.
    end: async () => undefined,
  },
}

export const TROUBLE_NAMES: readonly TroubleName[] = ['restart', 'cut', 'freeze', 'slow']
