import type { CauseGroup, MessageSummary } from 'linkspan'
import { type ReactNode, useState } from 'react'
import { useCauses } from '../api/client.ts'
import { groupKey } from '../lib/group-key.ts'
import { hrefOf } from '../lib/router.ts'
import { count, counted } from '../lib/text.ts'
import { Ago, Badge, Button, Empty, Facts, Failure, Foreign, Panel, StateBadge } from '../ui/parts.tsx'
import { type Action, ActionDialog, actionsFor, actionWord } from './actions.tsx'
import { DryRun } from './dry-run.tsx'

/** Dead letters, doubts and parked messages by what ails them, and what can be done about it. */
export function Attention({ selected }: { readonly selected: string | undefined }): ReactNode {
  const { data, error } = useCauses()
  if (error !== null) return <Failure error={error} />
  if (data === undefined) return null
  const groups = byUrgency(data.groups)
  const group = groups.find((each) => groupKey(each) === selected)
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,5fr)_minmax(0,7fr)]">
      <Panel
        title="Dead letters and doubts"
        label="Groups"
        aside={data.more && <Badge>only the newest 10 000 messages</Badge>}
      >
        {groups.length === 0 ? (
          <Empty title="Nothing has failed for good.">
            A message that fails after all its retries becomes a dead letter; one whose call nobody knows the
            outcome of is in doubt. They are kept, and stand here by their cause until somebody decides.
          </Empty>
        ) : (
          <ul className="divide-y divide-line border-t border-line">
            {groups.map((each) => (
              <GroupRow key={groupKey(each)} group={each} current={each === group} />
            ))}
          </ul>
        )}
      </Panel>
      {group !== undefined && <Group key={selected} group={group} />}
      {group === undefined && selected !== undefined && (
        <Panel>
          <Empty title="This group is empty now.">Its messages went on, or were dropped.</Empty>
        </Panel>
      )}
    </div>
  )
}

const URGENCY: readonly string[] = ['inDoubt', 'dead', 'parked']

function byUrgency(groups: readonly CauseGroup[]): readonly CauseGroup[] {
  return groups.toSorted((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state) || b.count - a.count)
}

function GroupRow({ group, current }: { readonly group: CauseGroup; readonly current: boolean }): ReactNode {
  const { flow, step, state, cause, last } = group
  return (
    <li>
      <a
        data-row
        href={hrefOf(['attention', groupKey(group)])}
        aria-current={current ? 'true' : undefined}
        className={`grid grid-cols-[minmax(0,1fr)] gap-1 border-l-4 px-3 py-2 hover:bg-raised ${current ? 'border-accent bg-raised' : 'border-transparent'}`}
      >
        <span className="flex items-center gap-2">
          <StateBadge state={state} />
          <b className="font-semibold whitespace-nowrap">{count(group.count)} ×</b>
          <Foreign text={step === '' ? flow : `${flow} › ${step}`} className="truncate text-muted" />
          <span className="ml-auto text-xs text-muted">
            <Ago at={last} />
          </span>
        </span>
        <Foreign text={cause} className="line-clamp-2" />
      </a>
    </li>
  )
}

interface Asked {
  readonly action: Action
  readonly ids: readonly string[]
}

const LISTED = 50

function Group({ group }: { readonly group: CauseGroup }): ReactNode {
  const { flow, step, state, code, sample, first, last, ids } = group
  const [asked, setAsked] = useState<Asked | null>(null)
  const [dry, setDry] = useState(false)
  const close = (): void => setAsked(null)
  return (
    <div className="grid min-w-0 gap-4">
      <Panel
        title={`${counted(group.count, 'message')}, one cause`}
        label="The group"
        aside={<StateBadge state={state} />}
      >
        <div className="grid gap-4 px-4 pb-4">
          <p className="rounded-lg bg-raised px-3 py-2 whitespace-pre-wrap">
            <Foreign text={sample.error?.message ?? 'It ended without an error.'} />
          </p>
          <Facts
            facts={[
              [
                'Flow',
                <a key="flow" className="text-accent underline" href={hrefOf(['flows', flow])}>
                  <Foreign text={flow} />
                </a>,
              ],
              ['Step', step === '' ? '–' : <Foreign key="step" text={step} />],
              ['Code', code ?? '–'],
              ['First seen', <Ago key="first" at={first} />],
              ['Last seen', <Ago key="last" at={last} />],
            ]}
          />
          <div className="flex flex-wrap gap-2">
            {actionsFor(state).map((action, at) => (
              <Button
                key={action}
                kind={at === 0 ? 'main' : action === 'drop' ? 'danger' : 'plain'}
                onClick={() => setAsked({ action, ids })}
              >
                {actionWord(action)}
                {ids.length > 1 ? ` (all ${count(ids.length)})` : ''}
              </Button>
            ))}
            {ids.length > 1 && (
              <Button
                onClick={() => setAsked({ action: actionsFor(state)[0] ?? 'redeliver', ids: [sample.id] })}
              >
                Try one first
              </Button>
            )}
            <Button onClick={() => setDry(true)}>Dry run</Button>
          </div>
          {dry && <DryRun ids={ids.slice(0, LISTED)} onClose={() => setDry(false)} />}
        </div>
      </Panel>
      <Panel title="Messages" label="Messages of the group">
        <Members ids={ids.slice(0, LISTED)} sample={sample} />
        {ids.length > LISTED && (
          <p className="px-4 py-2 text-muted">
            The newest {LISTED} of {count(ids.length)}.
          </p>
        )}
      </Panel>
      {asked !== null && <ActionDialog action={asked.action} ids={asked.ids} onClose={close} />}
    </div>
  )
}

function Members({
  ids,
  sample,
}: {
  readonly ids: readonly string[]
  readonly sample: MessageSummary
}): ReactNode {
  return (
    <ul className="divide-y divide-line border-t border-line">
      {ids.map((id) => (
        <li key={id}>
          <a
            data-row
            href={hrefOf(['messages', id])}
            className="flex items-center justify-between gap-3 px-4 py-1.5 hover:bg-raised"
          >
            <Foreign text={id} className="font-mono text-xs" />
            {id === sample.id && <span className="text-xs text-muted">the last one</span>}
          </a>
        </li>
      ))}
    </ul>
  )
}
