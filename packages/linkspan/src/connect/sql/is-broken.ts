/** What a connection says, as a system error, when it breaks or was never made. */
export function isBroken(thrown: unknown): boolean {
  const { code, errors } = thrown as { code?: unknown; errors?: readonly unknown[] }
  if (typeof code === 'string' && /^(?:E[A-Z]+|EAI_AGAIN|ERR_TLS_\w+|ERR_SSL_\w+|ERR_SOCKET_\w+)$/.test(code))
    return true
  return Array.isArray(errors) && errors.length > 0 && errors.every(isBroken)
}
