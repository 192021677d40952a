/** Gets what the program in `camel/` needs, and builds it: a JDK and Maven from Debian's packages, Camel by Maven. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Command, type Run, run } from '../../scripts/lib/command.ts'
import { cache } from '../../scripts/lib/files.ts'
import type { Program } from './camel.ts'

/** Debian's packages that bring what is needed. */
export const PACKAGES = ['default-jdk-headless', 'maven'] as const
/** The oldest Java that Camel runs on. */
export const OLDEST_JAVA = 17

/** What this machine has, and what may be done on it. */
export interface Machine {
  /** The major version of the Java compiler that is found, or null. */
  readonly java: number | null
  readonly maven: boolean
  /** Whether packages can be installed: root on Debian or what descends from it. */
  readonly installs: boolean
}

/** Why Camel cannot be run here, with what to do; null where it can; `install` where packages are to be installed first. */
export function planFor({ java, maven, installs }: Machine): { readonly missing: string } | 'install' | null {
  if (java !== null && java >= OLDEST_JAVA && maven) return null
  if (installs) return 'install'
  const found = [
    java === null
      ? 'no Java compiler (javac)'
      : java < OLDEST_JAVA
        ? `Java ${java}, older than ${OLDEST_JAVA}`
        : null,
    maven ? null : 'no Maven (mvn)',
  ].filter((each) => each !== null)
  return {
    missing: `Apache Camel needs a JDK from ${OLDEST_JAVA} on and Maven on the path, and here is ${found.join(' and ')}. On Debian: apt-get install ${PACKAGES.join(' ')} (this script does so itself as root).`,
  }
}

/** The major version in what `javac -version` prints. */
export function javaVersion(printed: string): number | null {
  const [, major] = /javac (\d+)/.exec(printed) ?? []
  return major === undefined ? null : Number(major)
}

async function machine(): Promise<Machine> {
  const javac = await run({ file: 'javac', args: ['-version'] })
  const maven = await run({ file: 'mvn', args: ['-v'] })
  return {
    java: javac.code === 0 ? javaVersion(javac.output) : null,
    maven: maven.code === 0,
    installs: platform === 'linux' && getuid?.() === 0 && existsSync('/usr/bin/apt-get'),
  }
}

const MINUTES = 60_000

async function need(command: Command, what: string): Promise<Run> {
  const done = await run({ limitMs: 20 * MINUTES, ...command })
  if (done.code === 0) return done
  throw new Error(`${what} failed (${command.file} ${command.args.join(' ')}):\n${done.output.trim()}`)
}

const FOLDER = fileURLToPath(new URL('camel', import.meta.url))

/** What the build is made of, as one word: it is built again when that changes. */
function stampOf(): string {
  const sources = join(FOLDER, 'src/main/java/oracle')
  const files = [join(FOLDER, 'pom.xml'), ...readdirSync(sources).map((name) => join(sources, name))]
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}

/** Installs and builds what is not there yet. Answers how to start the program, or why it cannot be. */
export async function installCamel(
  say: (line: string) => void,
): Promise<Program | { readonly missing: string }> {
  const plan = planFor(await machine())
  if (plan !== null && plan !== 'install') return plan
  if (plan === 'install') {
    say(`installing ${PACKAGES.join(' and ')}`)
    await need({ file: 'apt-get', args: ['update', '-qq'] }, 'Reading the lists of packages')
    const install = ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES]
    await need({ file: 'apt-get', args: install }, 'Installing them')
    const still = planFor({ ...(await machine()), installs: false })
    if (still !== null) return still as { readonly missing: string }
  }
  const build = join(cache, 'linkspan-oracle', stampOf())
  const classpath = join(build, 'classpath')
  const built = join(build, 'built')
  if (!existsSync(built)) {
    say('building the program for Apache Camel')
    const goals = ['compile', 'dependency:build-classpath', `-Dmdep.outputFile=${classpath}`]
    const args = ['-q', '-B', '-f', join(FOLDER, 'pom.xml'), `-Doracle.build=${build}`, ...goals]
    await need({ file: 'mvn', args }, 'Building the program for Apache Camel')
    writeFileSync(built, '')
  }
  const path = `${join(build, 'classes')}:${readFileSync(classpath, 'utf8').trim()}`
  return { command: 'java', args: ['-cp', path, 'oracle.Oracle'] }
}
