import type { Journal, JournalFactory } from 'linkspan'
import { type StoredMessage, simulated } from 'linkspan/journal'
import { changed } from '../faults/support.ts'

export type Load = Journal['messages']['load']

type Factory = JournalFactory & { crash(): void }

/** A simulated journal that loads messages in another way from one of its openings on. */
export function loadingBy(change: (load: Load) => Load, fromOpening = 1): Factory {
  return changing(fromOpening, ({ messages }) => ({
    messages: { ...messages, load: change((seqs, trust) => messages.load(seqs, trust)) },
  }))
}

/** A simulated journal that shows what was running in another way from one of its openings on. */
export function markingUnsettled(
  mark: (stored: StoredMessage) => StoredMessage,
  fromOpening: number,
): Factory {
  return changing(fromOpening, ({ backlog }) => ({
    backlog: {
      ...backlog,
      unsettled: async (after, limit) => (await backlog.unsettled(after, limit)).map(mark),
    },
  }))
}

function changing(fromOpening: number, change: (journal: Journal) => Partial<Journal>): Factory {
  let openings = 0
  return changed(simulated(), (journal) => {
    openings += 1
    return openings < fromOpening ? {} : change(journal)
  })
}
