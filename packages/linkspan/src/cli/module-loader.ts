import { registerHooks } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ModuleLoader } from './dependencies.ts'

/** The real {@link ModuleLoader}; `own` is the folder of this package, whose files are not the user's. */
export function nodeModuleLoader(own: string): ModuleLoader {
  const files = new Set<string>()
  let watching = false
  const isUsers = (file: string): boolean =>
    !file.startsWith(own) && !file.includes(`${sep}node_modules${sep}`)

  /** The hook stays for the life of the process: flows may import more when they run. */
  function remember(): void {
    if (watching) return
    watching = true
    registerHooks({
      load: (url, context, next) => {
        const file = url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : ''
        if (file !== '' && isUsers(file)) files.add(file)
        return next(url, context)
      },
    })
  }

  return {
    load: async (file) => {
      remember()
      return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
    },
    loaded: () => [...files],
  }
}
