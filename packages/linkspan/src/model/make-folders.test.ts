import { expect, it } from 'vitest'
import { type FolderMaker, makeFolders } from './make-folders.ts'

/** A disk that has some folders, and does something before it makes another one. */
function disk(present: readonly string[], before: (path: string) => void = () => undefined) {
  const folders = new Set(present)
  const made: string[] = []
  const maker: FolderMaker = {
    existsSync: (path) => folders.has(path),
    mkdirSync(path) {
      before(path)
      if (folders.has(path)) throw new Error(`EEXIST ${path}`)
      folders.add(path)
      made.push(path)
    },
  }
  return { maker, made, folders }
}

it('makes what is missing, from above', () => {
  const { maker, made } = disk(['/', '/srv'])
  makeFolders('/srv/hub/data', maker)
  expect(made).toEqual(['/srv/hub', '/srv/hub/data'])
  makeFolders('/srv/hub/data', maker)
  expect(made).toHaveLength(2)
})

it('takes what somebody else makes at the same time', () => {
  const { maker, folders } = disk(['/'], (path) => void folders.add(path))
  makeFolders('/srv/hub', maker)
  expect([...folders]).toEqual(['/', '/srv', '/srv/hub'])
})

it('gives up where no folder can be made', () => {
  const { maker } = disk(['/', '/proc'], (path) => {
    throw new Error(`ENOENT ${path}`)
  })
  expect(() => makeFolders('/proc/foo/bar', maker)).toThrow('ENOENT /proc/foo')
})

it('gives up at the top', () => {
  const { maker } = disk([], (path) => {
    throw new Error(`ENOENT ${path}`)
  })
  expect(() => makeFolders('/a/b', maker)).toThrow('ENOENT /')
})
