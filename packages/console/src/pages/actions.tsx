import { useQueryClient } from '@tanstack/react-query'
import type { Json, MessageState, Trace } from 'linkspan'
import { type FormEvent, type ReactNode, useRef, useState } from 'react'
import { useEngine } from '../api/client.ts'
import {
  type ChunkedOutcome,
  type ChunkOutcome,
  type ChunkProgress,
  inChunks,
  oneByOne,
} from '../lib/in-chunks.ts'
import { counted } from '../lib/text.ts'
import { Modal } from '../ui/modal.tsx'
import { Button, Failure, Foreign, Progress } from '../ui/parts.tsx'

/** What can be done to messages that have ended, or wait. */
export type Action = 'redeliver' | 'redeliverAfresh' | 'applied' | 'notApplied' | 'drop' | 'cancel'

interface Description {
  readonly title: (what: string) => string
  readonly button: string
  readonly about: string
  readonly danger: boolean
}

const ABOUT: Readonly<Record<Action, Description>> = {
  redeliver: {
    title: (what) => `Redeliver ${what}`,
    button: 'Redeliver',
    about:
      'Goes through the flow again, by the code that runs now. Calls that took effect are on record and are not made again.',
    danger: false,
  },
  redeliverAfresh: {
    title: (what) => `Redeliver ${what} afresh`,
    button: 'Redeliver afresh',
    about:
      'Goes through the flow from its beginning, as if for the first time. Calls that took effect are made again.',
    danger: true,
  },
  applied: {
    title: (what) => `The call of ${what} took effect`,
    button: 'It took effect',
    about: 'You have looked at the other system, and the call is there. The message goes on behind it.',
    danger: false,
  },
  notApplied: {
    title: (what) => `The call of ${what} did not take effect`,
    button: 'It did not',
    about: 'You have looked at the other system, and the call is not there. It is made again.',
    danger: false,
  },
  drop: {
    title: (what) => `Drop ${what}`,
    button: 'Drop',
    about: 'Gives up. It ends as dropped, stays to be seen, and can still be redelivered afresh.',
    danger: true,
  },
  cancel: {
    title: (what) => `Cancel ${what}`,
    button: 'Cancel the message',
    about:
      'Gives up a message that is on its way. It ends as dropped; a call that is under way is not taken back.',
    danger: true,
  },
}

/** What can be done to messages in a state. */
export function actionsFor(state: MessageState): readonly Action[] {
  if (state === 'dead' || state === 'parked') return ['redeliver', 'redeliverAfresh', 'drop']
  if (state === 'inDoubt') return ['applied', 'notApplied', 'redeliverAfresh', 'drop']
  if (state === 'active' || state === 'waiting') return ['cancel']
  return ['redeliverAfresh']
}

/** What an action's button says. */
export function actionWord(action: Action): string {
  return ABOUT[action].button
}

type Phase =
  | { readonly is: 'asking' }
  | { readonly is: 'working'; readonly done: number }
  | { readonly is: 'over'; readonly outcome: ChunkedOutcome }
  | { readonly is: 'failed'; readonly error: unknown }

/** Asks for a note, and for many messages for a rate; then does it, and can be stopped. */
export function ActionDialog({
  action,
  ids,
  onClose,
}: {
  readonly action: Action
  readonly ids: readonly string[]
  readonly onClose: () => void
}): ReactNode {
  const { title, button, about, danger } = ABOUT[action]
  const [note, setNote] = useState('')
  const [perSecond, setPerSecond] = useState(10)
  const [phase, setPhase] = useState<Phase>({ is: 'asking' })
  const stopper = useRef(new AbortController())
  const act = useAct(action)
  const client = useQueryClient()
  const start = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setPhase({ is: 'working', done: 0 })
    try {
      const outcome = await inChunks(
        ids,
        action === 'cancel' ? 1 : perSecond,
        (part, progress) => act(part, { note: note.trim(), perSecond, progress }),
        { signal: stopper.current.signal, progress: (done) => setPhase({ is: 'working', done }) },
      )
      setPhase({ is: 'over', outcome })
    } catch (error) {
      setPhase({ is: 'failed', error })
    }
    await client.invalidateQueries()
  }
  return (
    <Modal title={title(ids.length === 1 ? 'one message' : counted(ids.length, 'message'))} onClose={onClose}>
      <p className="mb-4 text-muted">{about}</p>
      {phase.is === 'asking' && (
        <form onSubmit={(event) => void start(event)} className="grid gap-3">
          {ids.length > 1 && (
            <label className="grid gap-1">
              <span>At most so many a second</span>
              <input
                className="field w-28"
                type="number"
                min={1}
                max={1_000}
                required
                value={perSecond}
                onChange={(event) => setPerSecond(event.target.valueAsNumber)}
              />
            </label>
          )}
          <NoteField value={note} onChange={setNote} />
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Not now</Button>
            <Button type="submit" kind={danger ? 'danger' : 'main'}>
              {button}
            </Button>
          </div>
        </form>
      )}
      {phase.is === 'working' && (
        <div className="grid gap-3">
          <Progress done={phase.done} total={ids.length} />
          <div className="flex items-center justify-between">
            <span aria-live="polite">
              {phase.done} of {ids.length}
            </span>
            <Button onClick={() => stopper.current.abort()}>Stop</Button>
          </div>
        </div>
      )}
      {phase.is === 'over' && <Outcome outcome={phase.outcome} of={ids.length} onClose={onClose} />}
      {phase.is === 'failed' && <Failure error={phase.error} />}
    </Modal>
  )
}

function NoteField({
  value,
  onChange,
}: {
  readonly value: string
  readonly onChange: (note: string) => void
}): ReactNode {
  return (
    <label className="grid gap-1">
      <span>Note, for whoever reads the message’s history</span>
      <input
        className="field"
        required
        value={value}
        placeholder="Why you do this"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}

const SHOWN = 5

function Outcome({
  outcome: { done, refused, stopped },
  of,
  onClose,
}: {
  readonly outcome: ChunkedOutcome
  readonly of: number
  readonly onClose: () => void
}): ReactNode {
  return (
    <div className="grid gap-3">
      <p role="status">
        {stopped ? 'Stopped. ' : ''}
        {done} of {of} done{refused.length === 0 ? '.' : `, ${refused.length} refused:`}
      </p>
      {refused.slice(0, SHOWN).map(({ id, error }) => (
        <p key={id} className="text-bad">
          <span className="font-mono">{id}</span> <Foreign text={error.message} />
        </p>
      ))}
      <div className="flex justify-end">
        <Button kind="main" onClick={onClose}>
          Close
        </Button>
      </div>
    </div>
  )
}

interface How {
  readonly note: string
  readonly perSecond: number
  readonly progress: ChunkProgress
}

function useAct(action: Action): (ids: readonly string[], how: How) => Promise<ChunkOutcome> {
  const { admin } = useEngine()
  return async (ids, { note, perSecond, progress }) => {
    switch (action) {
      case 'redeliver':
      case 'redeliverAfresh':
        return admin.redeliver({ ids }, { note, perSecond, progress, fresh: action === 'redeliverAfresh' })
      case 'drop':
        return admin.drop({ ids }, note)
      case 'cancel':
        return oneByOne(ids, (id) => admin.cancel(id, note))
      default:
        return oneByOne(ids, (id) => admin.resolve(id, action === 'applied', { note }))
    }
  }
}

/** Sends a message with another body in the place of one that failed: the new one first, then the old one is dropped. */
export function EditDialog({
  trace: { message, steps },
  keyed,
  onClose,
  onSent,
}: {
  readonly trace: Trace
  readonly keyed: boolean
  readonly onClose: () => void
  readonly onSent: (id: string) => void
}): ReactNode {
  const { admin } = useEngine()
  const client = useQueryClient()
  const [text, setText] = useState(() => JSON.stringify(message.body, null, 2))
  const [note, setNote] = useState('')
  const [error, setError] = useState<unknown>(null)
  const made = steps.filter(({ attempts }) => attempts.some(({ outcome }) => outcome === 'done'))
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    try {
      const body = JSON.parse(text) as Json
      const { id } = await admin.accept(
        message.flow,
        { body, headers: message.headers, dedupeKey: `edited ${message.id} ${text}` },
        keyed || message.key === null ? undefined : { key: message.key },
      )
      await admin.drop({ ids: [message.id] }, `edited and sent as ${id}: ${note.trim()}`)
      await client.invalidateQueries()
      onSent(id)
    } catch (thrown) {
      setError(thrown)
    }
  }
  return (
    <Modal wide title="Edit and redeliver" onClose={onClose}>
      <p className="mb-3 text-muted">
        Sends a new message with this body through the flow, and drops the one that failed.
      </p>
      {made.length > 0 && (
        <p className="mb-3 rounded-lg bg-warn-soft px-3 py-2 text-warn">
          The new message knows nothing of the calls that took effect already, and makes them again:{' '}
          {made.map(({ path }) => path).join(', ')}.
        </p>
      )}
      <form onSubmit={(event) => void send(event)} className="grid gap-3">
        <label className="grid gap-1">
          <span>Body, as JSON</span>
          <textarea
            className="field h-72 font-mono text-xs"
            dir="ltr"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <NoteField value={note} onChange={setNote} />
        {error !== null && <Failure error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" kind="main">
            Send
          </Button>
        </div>
      </form>
    </Modal>
  )
}
