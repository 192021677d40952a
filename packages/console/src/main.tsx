import './styles.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { isLinkspanError } from 'linkspan/connect'
import { type ReactNode, StrictMode, useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { EngineContext, engineAt, useStatus } from './api/client.ts'
import { App } from './app.tsx'
import { forgetToken, keepToken, takeToken } from './lib/session.ts'
import { applyTheme } from './lib/theme.ts'
import { SignIn } from './pages/sign-in.tsx'

function Root(): ReactNode {
  const [token, setToken] = useState(() => takeToken(window))
  const signOut = (): void => {
    forgetToken(window)
    setToken(null)
  }
  const signIn = (given: string): void => setToken(keepToken(given, window))
  if (token === null) return <SignIn error={null} onToken={signIn} />
  return <Signed key={token} token={token} onToken={signIn} onSignOut={signOut} />
}

/** Shows the console as soon as the engine knows the token, and asks for another when it does not. */
function Signed({
  token,
  onToken,
  onSignOut,
}: {
  readonly token: string
  readonly onToken: (token: string) => void
  readonly onSignOut: () => void
}): ReactNode {
  const engine = useMemo(() => engineAt(window.location.origin, window.location.pathname, token), [token])
  const [client] = useState(
    () => new QueryClient({ defaultOptions: { queries: { retry: false, networkMode: 'always' } } }),
  )
  return (
    <QueryClientProvider client={client}>
      <EngineContext value={engine}>
        <Guard onToken={onToken}>
          <App onSignOut={onSignOut} />
        </Guard>
      </EngineContext>
    </QueryClientProvider>
  )
}

function Guard({
  onToken,
  children,
}: {
  readonly onToken: (token: string) => void
  readonly children: ReactNode
}): ReactNode {
  const { error } = useStatus()
  if (isLinkspanError(error, 'UNAUTHENTICATED')) return <SignIn error={error} onToken={onToken} />
  return children
}

const root = document.getElementById('root')
applyTheme()
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  )
