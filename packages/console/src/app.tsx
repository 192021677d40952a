import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react'
import { SamplesContext, useCauses, useSampling, useStatus } from './api/client.ts'
import { CommandPalette } from './command-palette.tsx'
import { PLACES, useKeys } from './lib/keyboard.ts'
import { go, usePlace } from './lib/router.ts'
import { count } from './lib/text.ts'
import { useTheme } from './lib/theme.ts'
import { Attention } from './pages/attention.tsx'
import { MessagePage } from './pages/message.tsx'
import { Messages } from './pages/messages.tsx'
import { Overview } from './pages/overview.tsx'
import { Modal } from './ui/modal.tsx'
import { Button, Empty, Facts, Panel } from './ui/parts.tsx'

// What draws diagrams is large, and not needed to see what is wrong.
const FlowPage = lazy(async () => ({ default: (await import('./pages/flow.tsx')).FlowPage }))

/** The console, for whoever is signed in. */
export function App({ onSignOut }: { readonly onSignOut: () => void }): ReactNode {
  const [over, setOver] = useState<'palette' | 'help' | null>(null)
  const actions = useMemo(
    () => ({ palette: () => setOver('palette'), help: () => setOver('help'), goTo: go }),
    [],
  )
  useKeys(actions)
  const close = (): void => setOver(null)
  return (
    <SamplesContext value={useSampling()}>
      <a href="#content" className="sr-only focus:not-sr-only">
        Skip to the content
      </a>
      <Top onPalette={actions.palette} onHelp={actions.help} onSignOut={onSignOut} />
      <main id="content" className="mx-auto max-w-[1500px] px-3 py-4 sm:px-5">
        <Lost />
        <Suspense>
          <Page />
        </Suspense>
      </main>
      {over === 'palette' && <CommandPalette onClose={close} />}
      {over === 'help' && <Help onClose={close} />}
    </SamplesContext>
  )
}

function Page(): ReactNode {
  const { parts, query } = usePlace()
  const [page, name] = parts
  if (page === undefined) return <Overview />
  if (page === 'attention') return <Attention selected={name} />
  if (page === 'messages' && name === undefined) return <Messages search={query} />
  if (page === 'messages' && name !== undefined)
    return <MessagePage key={name} id={name} step={query.get('step')} />
  if (page === 'flows' && name !== undefined) return <FlowPage key={name} name={name} />
  return (
    <Panel>
      <Empty title="There is no such page.">The link may be of another version of the console.</Empty>
    </Panel>
  )
}

/** Says so when the engine does not answer; what was read last stays to be seen. */
function Lost(): ReactNode {
  const { error, dataUpdatedAt } = useStatus()
  if (error === null || dataUpdatedAt === 0) return null
  return (
    <p role="alert" className="mb-4 rounded-lg bg-warn-soft px-3 py-2 text-warn">
      The engine does not answer. This is what it said last; the console goes on asking.
    </p>
  )
}

function Top({
  onPalette,
  onHelp,
  onSignOut,
}: {
  readonly onPalette: () => void
  readonly onHelp: () => void
  readonly onSignOut: () => void
}): ReactNode {
  const { parts } = usePlace()
  const [theme, toggle] = useTheme()
  return (
    <header className="sticky top-0 z-20 border-b border-line bg-surface">
      <div className="mx-auto flex max-w-[1500px] flex-wrap items-center gap-x-1 gap-y-1 px-3 py-2 sm:px-5">
        <a href="#/" className="mr-3 flex items-center gap-2 font-semibold">
          <img src="./icon.svg" alt="" width={22} height={22} />
          Linkspan
        </a>
        <nav aria-label="Pages" className="flex gap-1">
          {Object.values(PLACES).map(([href, name]) => (
            <NavLink key={href} href={href} name={name} current={href === `#/${parts[0] ?? ''}`} />
          ))}
        </nav>
        <span className="grow" />
        <Button kind="quiet" onClick={onPalette} aria-label="Go to (Ctrl K)">
          Go to <kbd className="rounded border border-line px-1 text-xs">Ctrl K</kbd>
        </Button>
        <Button
          kind="quiet"
          onClick={toggle}
          aria-label={theme === 'dark' ? 'Light colours' : 'Dark colours'}
        >
          {theme === 'dark' ? '☀' : '☾'}
        </Button>
        <Button kind="quiet" onClick={onHelp} aria-label="Keys">
          ?
        </Button>
        <Button kind="quiet" onClick={onSignOut}>
          Sign out
        </Button>
      </div>
    </header>
  )
}

function NavLink({
  href,
  name,
  current,
}: {
  readonly href: string
  readonly name: string
  readonly current: boolean
}): ReactNode {
  const groups = useCauses().data?.groups ?? []
  const waiting = href === '#/attention' ? groups.reduce((sum, group) => sum + group.count, 0) : 0
  return (
    <a
      href={href}
      aria-current={current ? 'page' : undefined}
      className={`rounded-lg px-2.5 py-1 font-medium ${current ? 'bg-raised text-ink' : 'text-muted hover:bg-raised hover:text-ink'}`}
    >
      {name}
      {waiting > 0 && (
        <span className="ml-1.5 rounded-full bg-bad-soft px-1.5 text-xs font-semibold text-bad">
          {count(waiting)}
        </span>
      )}
    </a>
  )
}

const KEYS: readonly (readonly [string, string])[] = [
  ['j, k', 'next, last of the list'],
  ['Enter', 'open it'],
  ['/', 'search'],
  ['Ctrl K', 'go to a flow, a page, a cause, a message'],
  ...Object.entries(PLACES).map(([key, [, name]]) => [`g ${key}`, name] as const),
  ['↑ ↓', 'step through a message’s timeline'],
  ['?', 'these keys'],
]

function Help({ onClose }: { readonly onClose: () => void }): ReactNode {
  return (
    <Modal title="Keys" onClose={onClose}>
      <Facts facts={KEYS} />
    </Modal>
  )
}
