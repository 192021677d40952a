import { flag, object, optional, type Reader, text, withDefault } from './config.ts'

/** What is said of TLS. Certificates and keys are PEM texts. */
export interface TlsConfig {
  /** False accepts any certificate: for tests only. @default true */
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
}

/** A checked {@link TlsConfig}. */
export interface ReadTls {
  readonly rejectUnauthorized: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

/** Reads what is said of TLS. */
export const tlsOptions: Reader<ReadTls> = object<ReadTls>({
  rejectUnauthorized: withDefault(flag, true),
  ca: optional(text),
  cert: optional(text),
  key: optional(text),
  serverName: optional(text),
})

/** The same as `node:tls` takes it; what was not said is left out. */
export function tlsSettings({ serverName, ...rest }: ReadTls): Readonly<Record<string, unknown>> {
  const settings = { ...rest, servername: serverName }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
