import type { MessageQuery, MessageState, MessageSummary } from 'linkspan'
import { type FormEvent, type ReactNode, useState } from 'react'
import { useFlows, useMessages } from '../api/client.ts'
import { go, hrefOf } from '../lib/router.ts'
import { duration } from '../lib/text.ts'
import { Ago, Button, Empty, Failure, Foreign, Panel, StateBadge, stateWord } from '../ui/parts.tsx'

const STATES: readonly MessageState[] = [
  'active',
  'waiting',
  'done',
  'filtered',
  'dead',
  'inDoubt',
  'parked',
  'dropped',
]
const PAGE = 50
const INDEX = 'index.'
const AN_ID = /^[0-9a-z]+-[0-9a-z]{6,}(?:[~.].*)?$/

/** Finds messages by id, key, state, flow and the flow's index fields. */
export function Messages({ search }: { readonly search: URLSearchParams }): ReactNode {
  const query = queryOf(search)
  const { data, error } = useMessages(query)
  const goTo = (changes: Readonly<Record<string, string>>): void =>
    go(hrefOf(['messages'], { ...Object.fromEntries(search), after: '', ...changes }))
  return (
    <div className="grid gap-4">
      <Filters search={search} goTo={goTo} />
      {error !== null && <Failure error={error} />}
      {data !== undefined && (
        <Panel label="Messages">
          {data.items.length === 0 ? (
            <Empty title="No message is like this.">
              Ended messages are kept as long as the project’s retention says. Take a filter away to see more.
            </Empty>
          ) : (
            <MessageTable items={data.items} />
          )}
          <div className="flex justify-end gap-2 px-4 py-2">
            {query.after !== undefined && <Button onClick={() => goTo({})}>Newest</Button>}
            {data.next !== null && <Button onClick={() => goTo({ after: data.next ?? '' })}>Older</Button>}
          </div>
        </Panel>
      )}
    </div>
  )
}

/** The query of the admin API that a place asks for. */
export function queryOf(search: URLSearchParams): MessageQuery {
  const text = (name: string): string | undefined => search.get(name) || undefined
  const [flow, key, state, after] = [text('flow'), text('key'), text('state'), text('after')]
  const index = [...search].filter(([name, value]) => name.startsWith(INDEX) && value !== '')
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(key === undefined ? {} : { key }),
    ...(STATES.includes(state as MessageState) ? { states: [state as MessageState] } : {}),
    ...(index.length === 0
      ? {}
      : { index: Object.fromEntries(index.map(([name, value]) => [name.slice(INDEX.length), value])) }),
    ...(search.get('children') === 'true' ? { children: true } : {}),
    ...(after === undefined ? {} : { after }),
    limit: PAGE,
  }
}

function Filters({
  search,
  goTo,
}: {
  readonly search: URLSearchParams
  readonly goTo: (changes: Readonly<Record<string, string>>) => void
}): ReactNode {
  const flows = useFlows().data ?? []
  const flow = search.get('flow') ?? ''
  const fields = flows.find(({ name }) => name === flow)?.definition.source.index ?? []
  return (
    <div className="grid gap-2">
      <IdOrKey
        key={search.get('key') ?? ''}
        initial={search.get('key') ?? ''}
        onKey={(key) => goTo({ key })}
      />
      <div className="flex flex-wrap items-center gap-2">
        <label>
          <span className="sr-only">Flow</span>
          <select className="field" value={flow} onChange={(event) => goTo({ flow: event.target.value })}>
            <option value="">all flows</option>
            {flows.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <span className="sr-only">State</span>
          <select
            className="field"
            value={search.get('state') ?? ''}
            onChange={(event) => goTo({ state: event.target.value })}
          >
            <option value="">all states</option>
            {STATES.map((state) => (
              <option key={state} value={state}>
                {stateWord(state)}
              </option>
            ))}
          </select>
        </label>
        {fields.map((field) => (
          <IndexField
            key={`${flow} ${field}`}
            field={field}
            initial={search.get(`${INDEX}${field}`) ?? ''}
            onGiven={(value) => goTo({ [`${INDEX}${field}`]: value })}
          />
        ))}
        <label className="inline-flex items-center gap-1.5">
          <input
            type="checkbox"
            checked={search.get('children') === 'true'}
            onChange={(event) => goTo({ children: event.target.checked ? 'true' : '' })}
          />
          children too
        </label>
      </div>
    </div>
  )
}

function IdOrKey({
  initial,
  onKey,
}: {
  readonly initial: string
  readonly onKey: (key: string) => void
}): ReactNode {
  const [text, setText] = useState(initial)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const given = text.trim()
    if (AN_ID.test(given)) go(hrefOf(['messages', given]))
    else onKey(given)
  }
  return (
    <search>
      <form onSubmit={submit} className="flex gap-2">
        <input
          data-search
          type="search"
          className="field min-w-0 grow"
          aria-label="Id or key of a message"
          placeholder="Id or key of a message, then Enter    ( / )"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" kind="main">
          Find
        </Button>
      </form>
    </search>
  )
}

function IndexField({
  field,
  initial,
  onGiven,
}: {
  readonly field: string
  readonly initial: string
  readonly onGiven: (value: string) => void
}): ReactNode {
  const [text, setText] = useState(initial)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        onGiven(text.trim())
      }}
    >
      <input
        type="search"
        className="field w-52"
        aria-label={`Index field ${field}`}
        placeholder={`${field}, then Enter`}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  )
}

/** Messages in a table. */
export function MessageTable({ items }: { readonly items: readonly MessageSummary[] }): ReactNode {
  return (
    <div className="overflow-x-auto">
      <table className="data w-full">
        <thead>
          <tr>
            <th scope="col">Message</th>
            <th scope="col">State</th>
            <th scope="col">Flow</th>
            <th scope="col">Key</th>
            <th scope="col">Accepted</th>
            <th scope="col" className="number">
              Took
            </th>
            <th scope="col">Error</th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ id, flow, key, state, acceptedAt, endedAt, error }) => (
            <tr key={id}>
              <td className="font-mono text-xs">
                <a data-row href={hrefOf(['messages', id])} className="hover:underline">
                  <Foreign text={id} />
                </a>
              </td>
              <td>
                <StateBadge state={state} />
              </td>
              <td className="whitespace-nowrap">
                <Foreign text={flow} />
              </td>
              <td className="max-w-56 truncate">{key === null ? '–' : <Foreign text={key} />}</td>
              <td>
                <Ago at={acceptedAt} />
              </td>
              <td className="number whitespace-nowrap">
                {endedAt === null ? '–' : duration(endedAt - acceptedAt)}
              </td>
              <td className="max-w-72 truncate text-muted">
                {error === null ? '' : <Foreign text={error.message} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
