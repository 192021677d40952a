/** The part of `fetch` that clients of an engine use. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/**
 * The platform's own `fetch`: for the command line and others that talk to an engine, not for the engine's operations,
 * which go out through `connect/http`. This is the one place where the library takes it.
 */
const { fetch: platform } = globalThis

export const platformFetch: Fetch = platform
