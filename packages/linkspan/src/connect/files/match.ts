/** A test of file names: `*` and `?` in a text, or an expression. Names with a leading dot are meant only where a text names the dot. */
export function matcher(pattern: string | RegExp): (name: string) => boolean {
  if (typeof pattern === 'string') {
    const text = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
    const form = new RegExp(`^${text}$`, 's')
    const dotted = pattern.startsWith('.')
    return (name) => form.test(name) && name.startsWith('.') === dotted
  }
  const form = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return (name) => !name.startsWith('.') && form.test(name)
}
