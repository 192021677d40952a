import { LinkspanError } from '../model/errors.ts'
import type { CallContext } from './connector.ts'

/** Makes a call by a client that does not end a request before its own time limits. */
export async function unlessGivenUp<T>(
  system: string,
  { signal }: Pick<CallContext, 'signal'>,
  run: () => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw givenUp(system, 'no')
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = (): void => reject(givenUp(system, 'unknown'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([run(), promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** What is said of a call whose signal has fired. */
export function givenUp(system: string, applied: 'no' | 'unknown'): LinkspanError {
  const when =
    applied === 'no' ? 'before it began' : 'before it was answered; it may or may not have been written'
  return new LinkspanError('CALL_TIMED_OUT', `${system}: the call was given up ${when}.`, {
    retry: 'later',
    applied,
  })
}
