import type { Json, Trace, TraceAttempt, TraceStep } from 'linkspan'
import { type KeyboardEvent, type ReactNode, useState } from 'react'
import { useFlows, useTrace } from '../api/client.ts'
import { go, hrefOf } from '../lib/router.ts'
import { testCase } from '../lib/test-case.ts'
import { duration, exact } from '../lib/text.ts'
import { BodyView, ChangesView, CopyButton } from '../ui/body-view.tsx'
import { Ago, Badge, Button, Empty, Facts, Failure, Foreign, Panel, StateBadge } from '../ui/parts.tsx'
import { type Action, ActionDialog, actionsFor, actionWord, EditDialog } from './actions.tsx'
import { MessageTable } from './messages.tsx'

/** One message: how it went from step to step, and what can be done about it. */
export function MessagePage({ id, step }: { readonly id: string; readonly step: string | null }): ReactNode {
  const { data, error } = useTrace(id)
  if (error !== null && data === undefined) return <Failure error={error} />
  if (data === undefined) return null
  return (
    <div className="grid gap-4">
      <Head trace={data} />
      {data.unfinished !== null && data.unfinished.message !== data.message.error?.message && (
        <p className="rounded-lg bg-warn-soft px-3 py-2 text-warn">
          Not all steps could be computed again: <Foreign text={data.unfinished.message} />
        </p>
      )}
      <Timeline trace={data} step={step} />
      <Beside trace={data} />
    </div>
  )
}

function Head({ trace }: { readonly trace: Trace }): ReactNode {
  const { message } = trace
  const { id, flow, key, state, acceptedAt, endedAt, error, attempt, wakeAt, reason } = message
  const definition = useFlows().data?.find(({ name }) => name === flow)?.definition
  const [action, setAction] = useState<Action | null>(null)
  const [editing, setEditing] = useState(false)
  const isRoot = trace.parent === null
  return (
    <Panel label="The message">
      <div className="grid gap-3 p-4">
        <div className="flex flex-wrap items-center gap-3">
          <h1 className="font-mono text-base font-semibold">
            <Foreign text={id} />
          </h1>
          <StateBadge state={state} />
          <CopyButton text={id} what="Copy id" />
        </div>
        {error !== null && (
          <p className="rounded-lg bg-bad-soft px-3 py-2 whitespace-pre-wrap text-bad">
            <b className="mr-1.5">{error.code}</b>
            <Foreign text={error.message} />
          </p>
        )}
        <Facts
          facts={[
            [
              'Flow',
              <a key="flow" className="text-accent underline" href={hrefOf(['flows', flow])}>
                <Foreign text={flow} />
              </a>,
            ],
            [
              'Key',
              key === null ? (
                '–'
              ) : (
                <a key="key" className="text-accent underline" href={hrefOf(['messages'], { flow, key })}>
                  <Foreign text={key} />
                </a>
              ),
            ],
            [
              'Accepted',
              <span key="accepted">
                {exact(acceptedAt)} (<Ago at={acceptedAt} />)
              </span>,
            ],
            ['Ended', endedAt === null ? '–' : `${exact(endedAt)}, after ${duration(endedAt - acceptedAt)}`],
            ...(reason === null
              ? []
              : [['Waits for', `${reason}${wakeAt === null ? '' : `, until ${exact(wakeAt)}`}`] as const]),
            ['Attempt', String(attempt)],
          ]}
        />
        <div className="flex flex-wrap gap-2">
          {actionsFor(state).map((each, at) => (
            <Button
              key={each}
              kind={
                at === 0 && state !== 'done'
                  ? 'main'
                  : each === 'drop' || each === 'cancel'
                    ? 'danger'
                    : 'plain'
              }
              onClick={() => setAction(each)}
            >
              {actionWord(each)}
            </Button>
          ))}
          {isRoot && !message.bodyLost && (state === 'dead' || state === 'parked') && (
            <Button onClick={() => setEditing(true)}>Edit and redeliver</Button>
          )}
          {definition !== undefined && isRoot && (
            <CopyButton what="Copy as a test" text={testCase(trace, definition)} />
          )}
        </div>
      </div>
      {action !== null && <ActionDialog action={action} ids={[id]} onClose={() => setAction(null)} />}
      {editing && (
        <EditDialog
          trace={trace}
          keyed={definition?.source.keyed ?? false}
          onClose={() => setEditing(false)}
          onSent={(sent) => {
            setEditing(false)
            go(hrefOf(['messages', sent]))
          }}
        />
      )}
    </Panel>
  )
}

const OUTCOMES: Readonly<Record<TraceStep['outcome'], readonly [mark: string, tint: string, word: string]>> =
  {
    done: ['✓', 'text-good', 'done'],
    filtered: ['⊘', 'text-muted', 'filtered'],
    failed: ['✕', 'text-bad', 'failed'],
    inDoubt: ['?', 'text-warn', 'in doubt'],
    waiting: ['◔', 'text-info', 'waiting'],
    ignored: ['↷', 'text-muted', 'error ignored'],
    skipped: ['·', 'text-muted', 'not reached'],
    unknown: ['?', 'text-warn', 'outcome unknown'],
  }

/** The step that is looked at first: where it failed, or else the last. */
function firstShown(steps: readonly TraceStep[]): number {
  const at = steps.findLastIndex(
    ({ outcome }) => outcome === 'failed' || outcome === 'inDoubt' || outcome === 'waiting',
  )
  return at === -1 ? steps.length - 1 : at
}

function Timeline({ trace, step }: { readonly trace: Trace; readonly step: string | null }): ReactNode {
  const { steps, message } = trace
  const asked = step === null ? -1 : steps.findIndex(({ path }) => path === step)
  const at = asked === -1 ? firstShown(steps) : asked
  const shown = steps[at]
  const choose = (next: number): void => {
    const { path } = steps[Math.max(0, Math.min(steps.length - 1, next))] ?? {}
    if (path !== undefined) go(hrefOf(['messages', message.id], { step: path }))
  }
  if (shown === undefined)
    return (
      <Panel title="Timeline">
        <Empty title="No step has run yet." />
      </Panel>
    )
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowRight') choose(at + 1)
    else if (event.key === 'ArrowUp' || event.key === 'ArrowLeft') choose(at - 1)
    else return
    event.preventDefault()
  }
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,4fr)_minmax(0,8fr)]">
      <Panel title="Timeline" label="Timeline">
        <ol className="border-t border-line" onKeyDown={onKey}>
          {steps.map((each, index) => (
            <StepRow
              // biome-ignore lint/suspicious/noArrayIndexKey: a step can come twice, and none moves
              key={`${index} ${each.path}`}
              step={each}
              current={index === at}
              onChoose={() => choose(index)}
            />
          ))}
        </ol>
      </Panel>
      <StepDetail key={shown.path} step={shown} />
    </div>
  )
}

function StepRow({
  step: { path, kind, outcome, durationMs, attempts },
  current,
  onChoose,
}: {
  readonly step: TraceStep
  readonly current: boolean
  readonly onChoose: () => void
}): ReactNode {
  const [mark, tint, word] = OUTCOMES[outcome]
  const depth = path.split('/').length - 1
  return (
    <li>
      <button
        type="button"
        data-row
        aria-current={current ? 'step' : undefined}
        onClick={onChoose}
        className={`grid w-full grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-2 border-l-4 px-3 py-1.5 text-left hover:bg-raised ${current ? 'border-accent bg-raised' : 'border-transparent'}`}
      >
        <span className={`w-4 text-center font-bold ${tint}`} role="img" aria-label={word} title={word}>
          {mark}
        </span>
        <span className="min-w-0" style={{ paddingLeft: `${Math.min(depth, 5) * 12}px` }}>
          <Foreign text={path.slice(path.lastIndexOf('/') + 1)} className="font-medium" />{' '}
          <span className="text-xs text-muted">{kind}</span>
        </span>
        <span className="text-xs whitespace-nowrap text-muted">
          {attempts.length > 1 && `${attempts.length} attempts `}
          {durationMs !== null && duration(durationMs)}
        </span>
      </button>
    </li>
  )
}

function StepDetail({ step }: { readonly step: TraceStep }): ReactNode {
  const { path, kind, input, output, outcome, guarantee, attempts } = step
  const [, tint, word] = OUTCOMES[outcome]
  return (
    <Panel
      label="The step"
      title={<Foreign text={path} />}
      aside={
        <span className="flex items-center gap-2">
          <Badge>{kind}</Badge>
          {guarantee !== null && <Badge>{guarantee}</Badge>}
          <span className={`font-medium ${tint}`}>{word}</span>
        </span>
      }
    >
      <div className="grid gap-4 px-4 pb-4">
        {attempts.length > 0 && (
          <section aria-label="Attempts" className="grid gap-2">
            <h3 className="font-medium text-muted">Attempts</h3>
            {attempts.map((attempt, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: attempts are only ever added at the end
              <Attempt key={at} attempt={attempt} number={at + 1} open={at === attempts.length - 1} />
            ))}
          </section>
        )}
        {output !== null && (
          <section aria-label="What the step changed" className="grid gap-2">
            <h3 className="font-medium text-muted">What it changed of the body</h3>
            <ChangesView before={input} after={output} />
          </section>
        )}
        <Folded title="Body before" value={input} open={output === null} />
        {output !== null && <Folded title="Body after" value={output} />}
      </div>
    </Panel>
  )
}

function Folded({
  title,
  value,
  open = false,
}: {
  readonly title: string
  readonly value: Json
  readonly open?: boolean
}): ReactNode {
  const [shown, setShown] = useState(open)
  return (
    <details open={shown} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary className="font-medium text-muted">{title}</summary>
      {shown && (
        <div className="mt-2">
          <BodyView value={value} label={title} />
        </div>
      )}
    </details>
  )
}

const ATTEMPTS: Readonly<Record<TraceAttempt['outcome'], string>> = {
  done: '✓ done',
  failed: '✕ failed',
  unknown: '? outcome unknown',
  sent: '→ about to be sent',
}

function Attempt({
  attempt: { at, outcome, durationMs, mark, request, result, error },
  number,
  open,
}: {
  readonly attempt: TraceAttempt
  readonly number: number
  readonly open: boolean
}): ReactNode {
  return (
    <details open={open} className="rounded-lg border border-line">
      <summary className="px-3 py-1.5">
        <b>{number}.</b> {ATTEMPTS[outcome]} <span className="text-muted">{exact(at)}</span>
        {durationMs !== null && <span className="text-muted">, {duration(durationMs)}</span>}
      </summary>
      <div className="grid gap-3 border-t border-line px-3 py-2">
        {error !== null && (
          <p className="rounded-lg bg-bad-soft px-3 py-2 whitespace-pre-wrap text-bad">
            <b className="mr-1.5">{error.code}</b>
            <Foreign text={error.message} />
          </p>
        )}
        {request !== null && (
          <div className="grid gap-1">
            <span className="text-muted">
              Request
              {mark !== null && (
                <>
                  {' '}
                  under the mark <code className="text-xs">{mark}</code>
                </>
              )}
            </span>
            <BodyView value={request} label="Request" />
          </div>
        )}
        {result !== null && (
          <div className="grid gap-1">
            <span className="text-muted">Answer</span>
            <BodyView value={result} label="Answer" />
          </div>
        )}
      </div>
    </details>
  )
}

function Beside({
  trace: { message, parent, children, notes, reply },
}: {
  readonly trace: Trace
}): ReactNode {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      {(parent !== null || children.length > 0) && (
        <Panel title="Where it comes from, and what it made" label="Lineage">
          {parent !== null && (
            <p className="px-4 pb-3">
              Made by{' '}
              <a
                data-row
                className="font-mono text-xs text-accent underline"
                href={hrefOf(['messages', parent])}
              >
                {parent}
              </a>
            </p>
          )}
          {children.length > 0 && <MessageTable items={children} />}
        </Panel>
      )}
      {notes.length > 0 && (
        <Panel title="What was done to it" label="Notes">
          <ul className="divide-y divide-line border-t border-line">
            {notes.map(({ at, what, note }) => (
              <li key={`${at} ${what}`} className="px-4 py-1.5">
                <span className="text-muted">{exact(at)}</span> <b>{what}</b> <Foreign text={note} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="As it was accepted" label="As it was accepted">
        <div className="grid gap-3 px-4 pb-4">
          {message.bodyLost ? (
            <p className="text-bad">Its body cannot be read.</p>
          ) : (
            <Folded title="Body" value={message.body} />
          )}
          <Folded title="Headers" value={message.headers} />
          {reply !== null && <Folded title="Reply" value={reply} />}
          <p className="text-xs text-muted">Code version {message.codeVersion}</p>
        </div>
      </Panel>
    </div>
  )
}
