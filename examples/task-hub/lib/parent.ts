/** Tells the process that started this one something; nothing happens when it was started by hand. */
export function tellParent(message: object): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined)
}

/** Ends this process when the one that started it is gone, so that no child is left behind by a killed runner. */
export function endWithParent(): void {
  if (process.send) process.on('disconnect', () => process.exit(1))
}
