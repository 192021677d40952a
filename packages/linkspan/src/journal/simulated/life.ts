import { LinkspanError } from '../../model/errors.ts'

/**
 * The life of an engine that has opened the journal. A paused one does and hears nothing until it wakes, a dead one
 * never again.
 */
export interface Life {
  readonly state: 'open' | 'paused' | 'closed' | 'dead'
  /** Why nothing may be written, or null. */
  refusal(): LinkspanError | null
  /** Runs something now, when it wakes, or never. */
  run(what: () => void): void
  pause(): void
  /** What was held back runs now, in its order. */
  wake(): void
  end(how: 'closed' | 'dead'): void
}

/** Begins a life. */
export function createLife(reading: boolean): Life {
  let state: Life['state'] = 'open'
  let held: (() => void)[] = []
  return {
    get state() {
      return state
    },
    refusal: () => {
      if (state === 'closed') return new LinkspanError('JOURNAL_CLOSED', 'The simulated journal is closed.')
      return reading ? readOnly() : null
    },
    run: (what) => {
      if (state === 'open') what()
      else if (state === 'paused') held.push(what)
    },
    pause: () => {
      if (state === 'open') state = 'paused'
    },
    wake: () => {
      if (state === 'paused') state = 'open'
      while (state === 'open' && held.length > 0) held.shift()?.()
    },
    end: (how) => {
      state = how
      held = []
    },
  }
}

function readOnly(): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    'The simulated journal was opened for reading; nothing can be written to it.',
  )
}

/** A paused engine gets its answers when it wakes, a dead one none, a closed one errors. */
export function whileOpen<Parts extends object>(parts: Parts, life: Life): Parts {
  const wrap = (run: (...args: readonly unknown[]) => Promise<unknown>) => {
    return (...args: readonly unknown[]): Promise<unknown> => {
      if (life.state === 'open') return run(...args)
      if (life.state === 'closed') return Promise.reject(life.refusal())
      return new Promise((resolve, reject) => life.run(() => void run(...args).then(resolve, reject)))
    }
  }
  const wrapped = Object.entries(parts).map(([name, run]) => [name, wrap(run as never)])
  return Object.fromEntries(wrapped) as Parts
}

/** A part that readers may not use. */
export function refuseReaders<Args extends readonly unknown[], Result>(
  life: Life,
  run: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const refused = life.refusal()
    if (refused !== null) throw refused
    return run(...args)
  }
}
