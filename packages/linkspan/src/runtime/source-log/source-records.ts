import type { StateReader } from '../../journal/journal.ts'
import type { Ending, Json } from '../../model/message.ts'
import { openCell, sealCellText } from '../codec.ts'
import type { Committer } from '../committer.ts'
import type { Entry } from '../record.ts'

/** What the journal has of a message that lies in its source's log. */
export interface SourceRecord {
  /** When it was first taken on, which its time counts from. */
  readonly at: number
  /** How it ended; `moved` when the journal has it as a message of its own. */
  readonly end: Ending | 'moved' | null
  readonly entries: readonly Entry[]
}

/** The record of one message while it is here. */
export interface KeptRecord {
  /** Whether anything of it was handed to the journal. */
  readonly isKept: boolean
  /** Adds entries, by their texts, to what the next commit writes. */
  add(texts: readonly string[]): void
  /** With the next commit it has ended; what led there is of no interest any more, unless it was moved. */
  end(ending: Ending | 'moved'): void
}

/** Records by the identity that the log gives a message: cells of engine state, which are forgotten when their time is over. */
export interface SourceRecords {
  read(scope: string, identity: string): Promise<SourceRecord | null>
  open(scope: string, identity: string, before: SourceRecord | null, at: number, until: number): KeptRecord
}

/** The scope of the records of a flow. */
export function recordScope(flowIdentity: string): string {
  return `source-log/${flowIdentity}`
}

interface Stored {
  readonly at: number
  readonly end?: Ending | 'moved'
  readonly e?: readonly Entry[]
}

/** Makes the records of one engine. */
export function createSourceRecords(reader: StateReader, committer: Pick<Committer, 'state'>): SourceRecords {
  return {
    async read(scope, identity) {
      const bytes = await reader.get(scope, identity)
      if (bytes === null) return null
      const { at, end, e } = openCell(bytes, scope, identity).v as unknown as Stored & Json
      return { at, end: end ?? null, entries: e ?? [] }
    },
    open(scope, identity, before, at, until) {
      const texts = (before?.entries ?? []).map((entry) => JSON.stringify(entry))
      let ending: Ending | 'moved' | null = null
      let isKept = before !== null
      let isHandedIn = false
      const text = (): string => {
        const end = ending === null ? '' : `,"end":"${ending}"`
        const entries = ending === null || ending === 'moved' ? `,"e":[${texts.join(',')}]` : ''
        return `{"v":{"at":${at}${end}${entries}},"u":${until}}`
      }
      /** Once for all that is added before the commit begins. */
      const write = (): void => {
        isKept = true
        if (isHandedIn) return
        isHandedIn = true
        committer.state(() => {
          isHandedIn = false
          return { scope, key: identity, value: sealCellText(text(), scope, identity), until }
        })
      }
      return {
        get isKept() {
          return isKept
        },
        add(more) {
          if (more.length === 0) return
          texts.push(...more)
          write()
        },
        end(how) {
          ending = how
          write()
        },
      }
    },
  }
}
