import type { Json } from 'linkspan'
import { type ReactNode, useMemo, useState } from 'react'
import { type FieldChange, fieldChanges } from '../lib/json-diff.ts'
import { count, visible } from '../lib/text.ts'
import { Button } from './parts.tsx'

const SHOWN = 20_000

/** A body as text, and as nothing else: the first part of it, and all of it when it is asked for. */
export function BodyView({ value, label }: { readonly value: Json; readonly label: string }): ReactNode {
  const text = useMemo(() => JSON.stringify(value, null, 2), [value])
  const [whole, setWhole] = useState(false)
  const cut = !whole && text.length > SHOWN
  return (
    <section aria-label={label}>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by the keyboard
        tabIndex={0}
        dir="ltr"
        className="foreign max-h-96 overflow-auto rounded-lg bg-raised p-3 font-mono text-xs whitespace-pre-wrap"
      >
        {visible(cut ? text.slice(0, SHOWN) : text)}
      </pre>
      <div className="mt-1.5 flex items-center gap-2 text-xs text-muted">
        <CopyButton text={text} what="Copy" />
        {cut && (
          <>
            <span>
              {count(SHOWN)} of {count(text.length)} characters.
            </span>
            <Button kind="quiet" onClick={() => setWhole(true)}>
              Show all
            </Button>
          </>
        )}
      </div>
    </section>
  )
}

/** Copies a text; says that it did. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }): ReactNode {
  const [copied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    window.setTimeout(() => setCopied(false), 1_500)
  }
  return (
    <Button kind="quiet" className="text-xs" onClick={() => void copy()}>
      {copied ? 'Copied' : what}
    </Button>
  )
}

const MARKS = { added: '+', removed: '−', changed: '~' } as const

/** What a step made of a body, field by field. */
export function ChangesView({ before, after }: { readonly before: Json; readonly after: Json }): ReactNode {
  const changes = useMemo(() => fieldChanges(before, after), [before, after])
  if (changes.length === 0) return <p className="text-muted">The body is as it was before.</p>
  return (
    <ul className="divide-y divide-line overflow-hidden rounded-lg border border-line font-mono text-xs">
      {changes.map((change) => (
        <Change key={change.path} change={change} />
      ))}
    </ul>
  )
}

function Change({ change: { path, kind, before, after } }: { readonly change: FieldChange }): ReactNode {
  return (
    <li className="grid gap-1 px-3 py-1.5">
      <span>
        <b className="mr-2" role="img" aria-label={kind}>
          {MARKS[kind]}
        </b>
        <bdi className="foreign">{path === '' ? 'the whole body' : visible(path)}</bdi>
      </span>
      {before !== undefined && <Side sign="−" value={before} tint="bg-bad-soft text-bad" word="before" />}
      {after !== undefined && <Side sign="+" value={after} tint="bg-raised text-good" word="after" />}
    </li>
  )
}

const LONGEST = 600

function Side({
  sign,
  value,
  tint,
  word,
}: {
  readonly sign: string
  readonly value: Json
  readonly tint: string
  readonly word: string
}): ReactNode {
  const text = JSON.stringify(value) ?? ''
  return (
    <code className={`foreign block rounded px-2 py-0.5 whitespace-pre-wrap ${tint}`}>
      <span className="sr-only">{word}: </span>
      <span aria-hidden>{sign} </span>
      {visible(
        text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${count(text.length)} characters)` : text,
      )}
    </code>
  )
}
