/** The path of a message's page. */
export function pagePath(id: string): string {
  return `/messages/${encodeURIComponent(id)}`
}

/** The path of a message's reply. */
export function replyPath(id: string): string {
  return `${pagePath(id)}/reply`
}
