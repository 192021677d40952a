import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Participant } from '../participants.ts'
import type { Service } from '../services/service.ts'
import type { Services } from '../services/services.ts'
import { type TemporaryFolder, temporaryFolder } from './temporary.ts'

/** A participant that can run here, with what it needs at hand; or why it cannot. */
export type Prepared =
  | {
      readonly participant: Participant
      readonly service?: Service
      readonly kept?: TemporaryFolder
      /** Of a participant that was prepared on a service: what it is told of it in every round. */
      readonly keptEnv?: Readonly<Record<string, string>>
    }
  | { readonly participant: Participant; readonly skipped: string }

const bench = fileURLToPath(new URL('..', import.meta.url))

/** Checks that the program is there, installs it, starts its service and fills its folder. */
export const prepare = async (participant: Participant, services: Services): Promise<Prepared> => {
  const missing =
    participant.skipped ??
    missingProgram(participant) ??
    built(participant) ??
    installed(participant) ??
    setUp(participant)
  if (missing !== undefined) return { participant, skipped: missing }
  const start = participant.needs === undefined ? undefined : await services.get(participant.needs)
  if (start !== undefined && 'unavailable' in start) return { participant, skipped: start.unavailable }
  const service = start === undefined ? {} : { service: start.service }
  if (participant.prepare === undefined) return { participant, ...service }
  const keptEnv = (await start?.service.envFor(`kept_${participant.name.replaceAll(/\W+/g, '_')}`)) ?? {}
  return { participant, ...service, kept: fill(participant.prepare, keptEnv), keptEnv }
}

export const programOf = (participant: Participant): string => join(bench, participant.entry)

const missingProgram = ({ entry, prepare: before }: Participant): string | undefined => {
  const absent = [entry, before?.entry].find((file) => file !== undefined && !existsSync(join(bench, file)))
  return absent === undefined ? undefined : `not there: bench/${absent}`
}

let buildResult: { readonly failed?: string } | undefined

/** Builds the library once per run, so that what is measured is what the source says. */
const built = (participant: Participant): string | undefined => {
  if (participant.built !== true) return undefined
  buildResult ??= build()
  return buildResult.failed
}

const build = (): { readonly failed?: string } => {
  console.error('building the library')
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(bench, '..', 'scripts', 'build.ts')])
  return status === 0 ? {} : { failed: `the build failed: ${`${stdout}${stderr}`.trim().slice(-500)}` }
}

const installed = ({ install }: Participant): string | undefined => {
  if (install === undefined) return undefined
  const cwd = join(bench, install)
  const lock = join(cwd, 'package-lock.json')
  const done = join(cwd, 'node_modules', '.package-lock.json')
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return undefined
  console.error(`installing bench/${install}`)
  // Not `npm ci`: it refuses a lockfile that lacks an optional package of another platform, as BullMQ's does.
  const { status, stderr } = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'],
    { cwd },
  )
  return status === 0
    ? undefined
    : `npm install failed in bench/${install}: ${stderr.toString().trim().slice(-500)}`
}

const setUps = new Map<string, string | undefined>()

/** Runs the program that sets a participant up, once however many rows need it. */
const setUp = ({ setUp: entry }: Participant): string | undefined => {
  if (entry === undefined) return undefined
  if (!setUps.has(entry)) setUps.set(entry, failureOf(entry))
  return setUps.get(entry)
}

const failureOf = (entry: string): string | undefined => {
  console.error(`running bench/${entry}`)
  const { status, stderr } = spawnSync(process.execPath, [join(bench, entry)], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  return status === 0 ? undefined : `bench/${entry} failed: ${stderr.toString().trim().slice(-500)}`
}

const fill = (
  { entry, env }: NonNullable<Participant['prepare']>,
  keptEnv: Readonly<Record<string, string>>,
): TemporaryFolder => {
  const folder = temporaryFolder('kept')
  const began = performance.now()
  console.error(`preparing with bench/${entry}`)
  const { status, stderr } = spawnSync(process.execPath, [join(bench, entry)], {
    env: { ...process.env, ...env, ...keptEnv, DATA_DIR: folder.path },
  })
  console.error(`prepared in ${Math.round((performance.now() - began) / 1e3)} s`)
  if (status === 0) return folder
  throw new Error(`bench/${entry} failed: ${stderr.toString().slice(-2000)}`)
}
