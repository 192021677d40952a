/** Kinds of resources that come and go by themselves and hold nothing open. */
const FLEETING = new Set(['Immediate', 'TickObject', 'PROMISE', 'Microtask', 'CloseReq'])

/**
 * What keeps the process running now, by kind; with `before`, only what is more than then. A timer or socket that is
 * unreferenced does not keep it running and is not counted.
 */
export function openHandles(before: readonly string[] = []): readonly string[] {
  const known = [...before]
  return process.getActiveResourcesInfo().filter((kind) => {
    if (FLEETING.has(kind)) return false
    const at = known.indexOf(kind)
    if (at < 0) return true
    known.splice(at, 1)
    return false
  })
}
