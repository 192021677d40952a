import type { MessageState } from 'linkspan'
import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { useNow } from '../api/client.ts'
import { ago, exact, visible } from '../lib/text.ts'

const KINDS = {
  plain: 'border-line bg-surface text-ink hover:bg-raised',
  main: 'border-transparent bg-accent text-accent-ink hover:opacity-90',
  danger: 'border-bad/50 bg-surface text-bad hover:bg-bad-soft',
  quiet: 'border-transparent text-muted hover:bg-raised hover:text-ink',
} as const

/** A button. */
export function Button({
  kind = 'plain',
  className = '',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { readonly kind?: keyof typeof KINDS }): ReactNode {
  return (
    <button
      type="button"
      className={`inline-flex min-h-8 items-center gap-1.5 rounded-lg border px-3 py-1 font-medium whitespace-nowrap disabled:cursor-not-allowed disabled:opacity-50 ${KINDS[kind]} ${className}`}
      {...rest}
    />
  )
}

interface Look {
  readonly word: string
  readonly mark: string
  readonly tint: string
}

/** Each state has a mark of its own, so that nobody has to tell colours apart. */
const STATES: Readonly<Record<MessageState, Look>> = {
  active: { word: 'active', mark: '▶', tint: 'bg-info-soft text-info' },
  waiting: { word: 'waiting', mark: '◔', tint: 'bg-info-soft text-info' },
  done: { word: 'done', mark: '✓', tint: 'bg-raised text-good' },
  filtered: { word: 'filtered', mark: '⊘', tint: 'bg-raised text-muted' },
  dead: { word: 'dead letter', mark: '✕', tint: 'bg-bad-soft text-bad' },
  inDoubt: { word: 'in doubt', mark: '?', tint: 'bg-warn-soft text-warn' },
  parked: { word: 'parked', mark: '‖', tint: 'bg-hold-soft text-hold' },
  dropped: { word: 'dropped', mark: '⌫', tint: 'bg-raised text-muted' },
}

/** What a state is called. */
export function stateWord(state: MessageState): string {
  return STATES[state].word
}

/** A message's state. */
export function StateBadge({ state }: { readonly state: MessageState }): ReactNode {
  const { word, mark, tint } = STATES[state]
  return (
    <Badge tint={tint}>
      <span aria-hidden>{mark}</span>
      {word}
    </Badge>
  )
}

/** A few words in a frame. */
export function Badge({
  tint = 'bg-raised text-muted',
  children,
}: {
  readonly tint?: string
  readonly children: ReactNode
}): ReactNode {
  return (
    <span
      className={`inline-flex items-center gap-1.5 rounded-md px-1.5 py-0.5 text-xs font-medium whitespace-nowrap ${tint}`}
    >
      {children}
    </span>
  )
}

/** A point in time as how long ago it was; the tip has it exactly. */
export function Ago({ at }: { readonly at: number }): ReactNode {
  const now = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)} className="whitespace-nowrap">
      {ago(at, now)}
    </time>
  )
}

/** Text that others wrote, on one line or several. */
export function Foreign({
  text,
  className = '',
}: {
  readonly text: string
  readonly className?: string
}): ReactNode {
  return (
    <bdi className={`foreign ${className}`} dir="auto">
      {visible(text)}
    </bdi>
  )
}

/** A part of a page under a heading. */
export function Panel({
  title,
  aside,
  children,
  label,
}: {
  readonly title?: ReactNode
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly label?: string
}): ReactNode {
  return (
    <section className="panel min-w-0" aria-label={label}>
      {title !== undefined && (
        <header className="flex flex-wrap items-center justify-between gap-2 px-4 pt-3 pb-2">
          <h2 className="font-semibold">{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}

/** Says what is not there, and what would bring it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ReactNode
}): ReactNode {
  return (
    <div className="px-4 py-8 text-center">
      <p className="font-medium">{title}</p>
      {children !== undefined && <p className="mx-auto mt-1 max-w-prose text-muted">{children}</p>}
    </div>
  )
}

/** What went wrong, in the engine's own words. */
export function Failure({ error }: { readonly error: unknown }): ReactNode {
  const text = error instanceof Error ? error.message : String(error)
  const code = (error as { readonly code?: unknown } | null)?.code
  return (
    <p role="alert" className="rounded-lg bg-bad-soft px-3 py-2 text-bad">
      {typeof code === 'string' && <b className="mr-1.5">{code}</b>}
      <Foreign text={text} />
    </p>
  )
}

/** Names and values, in two columns. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ReactNode])[] }): ReactNode {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** How far long work is. */
export function Progress({ done, total }: { readonly done: number; readonly total: number }): ReactNode {
  const part = total === 0 ? 0 : Math.min(1, done / total)
  return (
    <div
      role="progressbar"
      aria-valuenow={done}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-label="progress"
      className="h-2 overflow-hidden rounded-full bg-raised"
    >
      <div className="h-full rounded-full bg-accent" style={{ width: `${100 * part}%` }} />
    </div>
  )
}
