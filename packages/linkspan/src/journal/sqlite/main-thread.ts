import type { Clock } from '../../model/outside.ts'
import type { Store, StoreCalls } from './store.ts'

/** Makes a store's calls on this thread: all but commits are done when they return. */
export function inThisThread(store: Store, clock: Clock): StoreCalls {
  let tidying = false
  const tidyLater = (): void => {
    if (tidying) return
    tidying = true
    // After the answer to the commit has gone out.
    clock.defer(() => {
      tidying = false
      store.tidy()
    })
  }
  return {
    // In its own turn, so that whoever hands it in goes on first: to answer for the commit before, above all.
    commit: (batch, at) =>
      new Promise((resolve, reject) => {
        clock.defer(() => {
          try {
            resolve(store.commit(batch, at))
          } catch (error) {
            reject(error)
          }
          tidyLater()
        })
      }),
    load: async (...args) => store.load(...args),
    find: async (...args) => store.find(...args),
    children: async (...args) => store.children(...args),
    openChildren: async (...args) => store.openChildren(...args),
    unsettled: async (...args) => store.unsettled(...args),
    page: async (...args) => store.page(...args),
    pageOfKey: async (...args) => store.pageOfKey(...args),
    pageOfHolders: async (...args) => store.pageOfHolders(...args),
    pageOfParent: async (...args) => store.pageOfParent(...args),
    due: async (...args) => store.due(...args),
    nextDue: async (...args) => store.nextDue(...args),
    countWaits: async () => store.countWaits(),
    held: async (...args) => store.held(...args),
    getState: async (...args) => store.getState(...args),
    listState: async (...args) => store.listState(...args),
    getCursor: async (...args) => store.getCursor(...args),
    listCursors: async (...args) => store.listCursors(...args),
    look: async (...args) => store.look(...args),
    totals: async () => store.totals(),
    stats: async () => store.stats(),
    prune: async (...args) => {
      const looked = store.prune(...args)
      tidyLater()
      return looked
    },
    close: async (leftRunning) => store.close(leftRunning),
  }
}
