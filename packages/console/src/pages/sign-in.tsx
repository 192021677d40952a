import { type FormEvent, type ReactNode, useState } from 'react'
import { Button, Failure } from '../ui/parts.tsx'

/** Asks for the engine's token. */
export function SignIn({
  error,
  onToken,
}: {
  readonly error: unknown
  readonly onToken: (token: string) => void
}): ReactNode {
  const [token, setToken] = useState('')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    onToken(token.trim())
  }
  return (
    <main className="mx-auto grid min-h-screen max-w-md content-center gap-4 p-5">
      <h1 className="text-lg font-semibold">The console of Linkspan</h1>
      {error !== null && <Failure error={error} />}
      <p className="text-muted">
        Run <code className="rounded bg-raised px-1">npx linkspan console</code> in the project’s folder and
        open the address that it prints. Or give the token here: it is in <code>.linkspan/engine.json</code>,
        or what the project sets as <code>http.adminToken</code>.
      </p>
      <form onSubmit={submit} className="flex gap-2">
        <input
          className="field min-w-0 grow"
          type="password"
          aria-label="Token"
          autoComplete="current-password"
          required
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <Button type="submit" kind="main">
          Sign in
        </Button>
      </form>
    </main>
  )
}
