/** A first-in, first-out queue whose ends are cheap, with removal from the middle for the rare case. */
export interface Deque<T> {
  readonly size: number
  push(item: T): void
  shift(): T | undefined
  peek(): T | undefined
  remove(fits: (item: T) => boolean): T | undefined
}

const COMPACT_AT = 1_024

/** Makes an empty queue. */
export function createDeque<T>(): Deque<T> {
  let items: (T | undefined)[] = []
  let head = 0
  const compact = (): void => {
    items = items.slice(head)
    head = 0
  }
  return {
    get size() {
      return items.length - head
    },
    push(item) {
      items.push(item)
    },
    peek: () => items[head],
    shift() {
      if (head >= items.length) return undefined
      const item = items[head]
      items[head] = undefined
      head += 1
      if (head === items.length || head >= COMPACT_AT) compact()
      return item
    },
    remove(fits) {
      compact()
      const at = items.findIndex((item) => item !== undefined && fits(item))
      return at < 0 ? undefined : items.splice(at, 1)[0]
    },
  }
}
