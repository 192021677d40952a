/** Waits no longer than until the signal fires; `abandon` is then called, for what may still come. */
export function unlessAborted<T>(coming: Promise<T>, signal: AbortSignal, abandon: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      abandon()
      reject(signal.reason)
    }
    const settled = (): void => signal.removeEventListener('abort', abort)
    signal.addEventListener('abort', abort, { once: true })
    coming.then(resolve, reject).then(settled)
  })
}
