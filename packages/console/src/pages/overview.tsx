import type { FlowStatus } from 'linkspan'
import type { ReactNode } from 'react'
import { useCauses, useCluster, useFlows, useHeldKeys, useNow, useSamples, useStatus } from '../api/client.ts'
import { history, type Rates, ratesOf } from '../api/rates.ts'
import { hrefOf } from '../lib/router.ts'
import { count, counted, duration, rate, share } from '../lib/text.ts'
import { type Matter, mattersOf } from '../lib/urgency.ts'
import { Ago, Badge, Empty, Failure, Foreign, Panel } from '../ui/parts.tsx'
import { Sparkline } from '../ui/sparkline.tsx'

/** What wants a person, how the flows go, and who runs them. */
export function Overview(): ReactNode {
  const status = useStatus()
  const flows = useFlows()
  return (
    <div className="grid gap-4">
      <EngineLine />
      {status.error !== null && <Failure error={status.error} />}
      <Matters />
      {flows.data !== undefined && <Flows flows={flows.data} />}
      <div className="grid gap-4 lg:grid-cols-2">
        <Members />
        <Budgets />
      </div>
    </div>
  )
}

function EngineLine(): ReactNode {
  const { data } = useStatus()
  const now = useNow()
  if (data === undefined) return <div className="h-6" />
  const { active, waiting, done } = data.messages
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-muted">
      <span>
        The engine is <b className={data.state === 'running' ? 'text-good' : 'text-bad'}>{data.state}</b> for{' '}
        {duration(now - data.startedAt)}
      </span>
      <span>{count(active)} active</span>
      <span>{count(waiting)} waiting</span>
      <span>{count(done)} done</span>
      <span>
        {data.journal}, version {data.version}
      </span>
    </p>
  )
}

const LOOKS: Readonly<Record<Matter['kind'], readonly [mark: string, tint: string]>> = {
  engine: ['!', 'bg-bad-soft text-bad'],
  source: ['!', 'bg-bad-soft text-bad'],
  inDoubt: ['?', 'bg-warn-soft text-warn'],
  dead: ['✕', 'bg-bad-soft text-bad'],
  parked: ['‖', 'bg-hold-soft text-hold'],
  key: ['⧗', 'bg-info-soft text-info'],
}

const SHOWN = 8

function Matters(): ReactNode {
  const status = useStatus()
  const flows = useFlows()
  const causes = useCauses()
  const keys = useHeldKeys(null)
  if (causes.data === undefined) return causes.error === null ? null : <Failure error={causes.error} />
  const matters = mattersOf({
    status: status.data,
    flows: flows.data ?? [],
    causes: causes.data,
    keys: keys.data ?? [],
  })
  return (
    <Panel
      title="Needs a person"
      label="Needs a person"
      aside={
        matters.length > SHOWN && (
          <a className="text-accent underline" href="#/attention">
            all {matters.length}
          </a>
        )
      }
    >
      {matters.length === 0 ? (
        <Empty title="Nothing needs you.">
          What fails for good, is in doubt, or no longer fits its flow comes up here, the most urgent first.
        </Empty>
      ) : (
        <ul className="divide-y divide-line border-t border-line">
          {matters.slice(0, SHOWN).map((matter) => (
            <MatterRow key={matter.id} matter={matter} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function MatterRow({ matter: { kind, what, where, why, href, at } }: { readonly matter: Matter }): ReactNode {
  const [mark, tint] = LOOKS[kind]
  return (
    <li>
      <a
        data-row
        href={href}
        className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2 hover:bg-raised"
      >
        <span aria-hidden className={`grid size-6 place-items-center rounded-md text-sm font-bold ${tint}`}>
          {mark}
        </span>
        <span className="min-w-0 md:flex md:items-baseline md:gap-3">
          <b className="font-semibold whitespace-nowrap">{what}</b>{' '}
          <Foreign text={where} className="text-muted md:shrink-0 md:max-w-[45%]" />{' '}
          <Foreign text={why} className="block min-w-0 truncate md:grow" />
        </span>
        <span className="text-muted">{at === null ? 'now' : <Ago at={at} />}</span>
      </a>
    </li>
  )
}

function Flows({ flows }: { readonly flows: readonly FlowStatus[] }): ReactNode {
  const samples = useSamples()
  if (flows.length === 0)
    return (
      <Panel title="Flows">
        <Empty title="The project has no flow yet.">
          Add one to the project file: flow('name').from(source)…
        </Empty>
      </Panel>
    )
  const over = ratesOf(samples, '').over
  return (
    <Panel
      title="Flows"
      label="Flows"
      aside={
        <span className="text-xs text-muted">rates and times over {duration(1_000 * over)}, this engine</span>
      }
    >
      <div className="overflow-x-auto">
        <table className="data w-full">
          <thead>
            <tr>
              <th scope="col">Flow</th>
              <th scope="col" className="number">
                In per s
              </th>
              <th scope="col">Last minutes</th>
              <th scope="col" className="number">
                Failed
              </th>
              <th scope="col" className="number">
                p50
              </th>
              <th scope="col" className="number">
                p99
              </th>
              <th scope="col" className="number">
                Backlog
              </th>
              <th scope="col" className="number">
                Oldest
              </th>
              <th scope="col" className="number">
                Dead
              </th>
              <th scope="col" className="number">
                In doubt
              </th>
            </tr>
          </thead>
          <tbody>
            {flows.map((flow) => (
              <FlowRow
                key={flow.name}
                flow={flow}
                rates={ratesOf(samples, flow.name)}
                past={history(samples, flow.name)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

function FlowRow({
  flow: { name, paused, source, messages, oldest },
  rates,
  past,
}: {
  readonly flow: FlowStatus
  readonly rates: Rates
  readonly past: ReturnType<typeof history>
}): ReactNode {
  const now = useNow()
  const time = (ms: number | null): string => (ms === null ? '–' : duration(ms))
  return (
    <tr>
      <td>
        <span className="flex items-center gap-2 whitespace-nowrap">
          <a data-row href={hrefOf(['flows', name])} className="font-medium hover:underline">
            <Foreign text={name} />
          </a>
          {paused && <Badge tint="bg-hold-soft text-hold">‖ paused</Badge>}
          {source.state === 'failing' && <Badge tint="bg-bad-soft text-bad">! source fails</Badge>}
        </span>
      </td>
      <td className="number">{rate(rates.accepted)}</td>
      <td>
        <Sparkline values={past} />
      </td>
      <td className={`number ${rates.failed ? 'font-semibold text-bad' : ''}`}>
        {rates.failed === null ? '–' : share(rates.failed)}
      </td>
      <td className="number">{time(rates.p50)}</td>
      <td className="number">{time(rates.p99)}</td>
      <td className="number">{count(messages.waiting + messages.active)}</td>
      <td className="number whitespace-nowrap">{oldest === null ? '–' : duration(now - oldest)}</td>
      <Linked flow={name} state="dead" value={messages.dead} tint="text-bad" />
      <Linked flow={name} state="inDoubt" value={messages.inDoubt} tint="text-warn" />
    </tr>
  )
}

function Linked({
  flow,
  state,
  value,
  tint,
}: {
  readonly flow: string
  readonly state: string
  readonly value: number
  readonly tint: string
}): ReactNode {
  if (value === 0) return <td className="number text-muted">0</td>
  return (
    <td className="number">
      <a
        className={`font-semibold underline decoration-dotted ${tint}`}
        href={hrefOf(['messages'], { flow, state })}
      >
        {count(value)}
      </a>
    </td>
  )
}

function Members(): ReactNode {
  const { data } = useCluster()
  if (data === undefined) return null
  const { members, partitions } = data
  return (
    <Panel title="Engines" label="Engines">
      <table className="data w-full">
        <thead>
          <tr>
            <th scope="col">Engine</th>
            <th scope="col" className="number">
              Partitions
            </th>
            <th scope="col" className="number">
              Waiting
            </th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => {
            const own = partitions.filter(({ owner }) => owner === member.member)
            return (
              <tr key={member.member}>
                <td>
                  <Foreign text={member.name} />
                </td>
                <td className="number">
                  {own.length} of {partitions.length}
                </td>
                <td className="number">{count(own.reduce((sum, { waiting }) => sum + waiting, 0))}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {members.length === 1 && (
        <p className="px-4 py-2 text-xs text-muted">
          One engine runs on this journal. On PostgreSQL, others that are started on it share the work.
        </p>
      )}
    </Panel>
  )
}

function Budgets(): ReactNode {
  const { data } = useStatus()
  if (data === undefined || data.budgets.length === 0) return null
  return (
    <Panel title="Budgets of connections" label="Budgets of connections">
      <table className="data w-full">
        <thead>
          <tr>
            <th scope="col">Connection</th>
            <th scope="col" className="number">
              Under way
            </th>
            <th scope="col" className="number">
              Waiting
            </th>
            <th scope="col">Held</th>
          </tr>
        </thead>
        <tbody>
          {data.budgets.map(({ connection, underWay, waiting, heldUntil }) => (
            <tr key={connection}>
              <td>
                <Foreign text={connection} />
              </td>
              <td className="number">{underWay}</td>
              <td className="number">{counted(waiting, 'call')}</td>
              <td>{heldUntil === null ? '–' : <Ago at={heldUntil} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  )
}
