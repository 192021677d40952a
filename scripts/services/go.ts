import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { atLeast, downloads, onPath, runOrThrow, versionIn } from './programs.ts'

/** A program built by `go install`, from the module proxy that the user's Go settings name. */
export interface GoProgram {
  readonly name: string
  readonly version: string
  /** Its import path. */
  readonly path: string
  /** The Go that its `go.mod` asks for. */
  readonly go: string
}

/** From this version on Go fetches the newer Go that a module asks for, unless told not to. */
const fetchesItself = '1.21'

const folderOf = ({ name, version }: GoProgram) => join(downloads(), `${name}-${version}`)

/** Where the program is once built. */
export const goBinary = (program: GoProgram): string => join(folderOf(program), program.name)

/** Whether it is built already. */
export const isBuilt = (program: GoProgram): boolean => existsSync(goBinary(program))

/** How it would be built. */
export const goCommand = ({ path, version }: GoProgram): string => `go install ${path}@v${version}`

/** Whether there is a Go here that can build it. */
export function canBuild(program: GoProgram): boolean {
  const go = onPath('go')
  if (go === null) return false
  const [has = '', toolchain = ''] = runOrThrow(go, ['env', 'GOVERSION', 'GOTOOLCHAIN']).split('\n')
  return suits(versionIn(has), toolchain, program.go)
}

/** Whether a Go builds what asks for `wanted`. */
export const suits = (has: string, toolchain: string, wanted: string): boolean =>
  atLeast(has, wanted) || (atLeast(has, fetchesItself) && toolchain !== 'local')

/** Builds it. The compiler takes two processors at most, and minutes. */
export function build(program: GoProgram): void {
  runOrThrow('go', ['install', '-p', '2', `${program.path}@v${program.version}`], {
    env: { GOBIN: folderOf(program) },
  })
}
