import { useQuery } from '@tanstack/react-query'
import type { ReplayDifference } from 'linkspan'
import { type ReactNode, useState } from 'react'
import { useEngine } from '../api/client.ts'
import { hrefOf } from '../lib/router.ts'
import { counted } from '../lib/text.ts'
import { ChangesView } from '../ui/body-view.tsx'
import { Badge, Button, Failure, Foreign, Progress } from '../ui/parts.tsx'

const SHOWN = 20

/** Runs messages through the code that runs now, by what is on record; sends nothing, and says what would differ. */
export function DryRun({
  ids,
  onClose,
}: {
  readonly ids: readonly string[]
  readonly onClose: () => void
}): ReactNode {
  const { admin } = useEngine()
  const [done, setDone] = useState(0)
  const { data, error } = useQuery({
    queryKey: ['replay', ids],
    queryFn: () => admin.replay({ ids }, setDone),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  return (
    <section aria-label="Dry run" className="grid gap-2 rounded-lg border border-line p-3">
      <header className="flex items-center justify-between">
        <h3 className="font-semibold">Dry run: nothing is sent</h3>
        <Button kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      {error !== null && <Failure error={error} />}
      {data === undefined && error === null && <Progress done={done} total={ids.length} />}
      {data !== undefined && (
        <>
          <p role="status">
            {data.differences.length === 0
              ? `${counted(data.messages, 'message')}: the code that runs now would do what is on record.`
              : `${counted(data.messages, 'message')}, ${data.unchanged} as on record; ${counted(data.differences.length, 'difference')}.`}
          </p>
          <ul className="grid gap-3">
            {data.differences.slice(0, SHOWN).map((difference) => (
              <Difference
                key={`${difference.id} ${difference.path} ${difference.kind}`}
                difference={difference}
              />
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function Difference({
  difference: { id, path, kind, before, after },
}: {
  readonly difference: ReplayDifference
}): ReactNode {
  return (
    <li className="grid gap-1">
      <span className="flex flex-wrap items-center gap-2">
        <Badge>{kind}</Badge>
        <a className="font-mono text-xs text-accent underline" href={hrefOf(['messages', id])}>
          {id}
        </a>
        <Foreign text={path} className="text-muted" />
      </span>
      <ChangesView before={before} after={after} />
    </li>
  )
}
