/** What we use of the package `@redis/client`; a test puts another one in its place. */
export interface RedisPackage {
  createClient(options: RedisOptions): RedisLibraryClient
}

/** The options that we set; all else is left as the package has it. */
export interface RedisOptions {
  readonly socket: Readonly<Record<string, unknown>> & {
    /** We never let it: it would send nothing again, and hide for how long it is without a server. */
    readonly reconnectStrategy: false
  }
  readonly username?: string
  readonly password?: string
  readonly database: number
  readonly name?: string
  /** RESP2 has the same shapes on all servers. */
  readonly RESP: 2
  readonly maintNotifications: 'disabled'
  /** A command that comes while there is no server is refused, and not kept for later. */
  readonly disableOfflineQueue: true
  readonly commandOptions: { readonly timeout: undefined }
}

/** What is sent: the name of a command and what follows it. */
export type RedisArgument = string | Buffer

/** What comes back, by RESP2; texts of data are bytes, those that Redis says itself are texts. */
export type RedisReply = Buffer | string | number | null | readonly RedisReply[]

/** One connection of the package. */
export interface RedisLibraryClient {
  connect(): Promise<unknown>
  /** Rejects with the error that the server answered, or with that of the connection. */
  sendCommand(
    args: readonly RedisArgument[],
    options: { readonly typeMapping: Readonly<Record<number, unknown>> },
  ): Promise<unknown>
  /** Breaks it off; what has no answer yet is rejected. */
  destroy(): void
  on(event: 'error' | 'terminated', listener: (error: unknown) => void): unknown
}
