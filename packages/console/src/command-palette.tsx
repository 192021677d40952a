import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react'
import { useCauses, useFlows } from './api/client.ts'
import { groupKey } from './lib/group-key.ts'
import { PLACES } from './lib/keyboard.ts'
import { go, hrefOf } from './lib/router.ts'
import { Modal } from './ui/modal.tsx'
import { Foreign } from './ui/parts.tsx'

interface Target {
  readonly name: string
  readonly kind: string
  readonly href: string
}

const SHOWN = 12

/** Everything that can be gone to, by a few letters of its name. */
export function CommandPalette({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const found = useTargets(text)
  const choose = (target: Target | undefined): void => {
    if (target === undefined) return
    onClose()
    go(target.href)
  }
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt(Math.min(found.length - 1, at + 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1))
    else if (event.key === 'Enter') choose(found[at])
    else return
    event.preventDefault()
  }
  return (
    <Modal title="Go to" hideTitle onClose={onClose}>
      <input
        className="field w-full text-base"
        role="combobox"
        aria-expanded
        aria-controls="palette"
        aria-activedescendant={`palette-${at}`}
        aria-label="Go to"
        placeholder="A flow, a page, a cause, the id of a message"
        value={text}
        onKeyDown={onKey}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
      />
      <div id="palette" role="listbox" aria-label="Places" className="mt-2">
        {found.map((target, index) => (
          <button
            type="button"
            role="option"
            aria-selected={index === at}
            id={`palette-${index}`}
            key={target.href}
            tabIndex={-1}
            onClick={() => choose(target)}
            className={`flex w-full items-center justify-between gap-3 rounded-md px-3 py-1.5 text-left ${index === at ? 'bg-raised' : ''}`}
          >
            <Foreign text={target.name} className="truncate" />
            <span className="text-xs text-muted">{target.kind}</span>
          </button>
        ))}
      </div>
    </Modal>
  )
}

function useTargets(text: string): readonly Target[] {
  const flows = useFlows().data
  const groups = useCauses().data?.groups
  return useMemo(() => {
    const wanted = text.trim().toLowerCase()
    const all: readonly Target[] = [
      ...Object.values(PLACES).map(([href, name]) => ({ href, name, kind: 'page' })),
      ...(flows ?? []).map(({ name }) => ({ name, kind: 'flow', href: hrefOf(['flows', name]) })),
      ...(groups ?? []).map((group) => ({
        name: `${group.count} × ${group.cause}`,
        kind: group.flow,
        href: hrefOf(['attention', groupKey(group)]),
      })),
    ]
    const named = all.filter(({ name, kind }) => `${name} ${kind}`.toLowerCase().includes(wanted))
    const given = text.trim()
    const asked: readonly Target[] =
      given === ''
        ? []
        : [
            { name: given, kind: 'message with this id', href: hrefOf(['messages', given]) },
            { name: given, kind: 'messages with this key', href: hrefOf(['messages'], { key: given }) },
          ]
    return [...named.slice(0, SHOWN - asked.length), ...asked]
  }, [text, flows, groups])
}
