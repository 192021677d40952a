import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromDebian, installFromDebian } from './debian.ts'
import { findJava, type Java, javasHere } from './java.ts'
import { downloads, onPath, runOrThrow } from './programs.ts'
import type { Obtainable, Service } from './service.ts'

/** What is fetched by Maven's own client, from Maven Central or from the mirror that the user's Maven settings name. */
export interface MavenProgram {
  readonly name: string
  readonly version: string
  /** `group:name:version` of jars that come with all they depend on at run time. */
  readonly jars?: readonly string[]
  /** `group:name` of jars that are not needed. */
  readonly without?: readonly string[]
  /** `group:name:version:type:classifier` of an archive that is unpacked. */
  readonly archive?: string
  /** The Java that it is built for; it runs on later ones. */
  readonly java: string
}

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

const mavenPackage = 'maven'
/** As old as Debian is, so is its Java: it serves where no Java is found. */
const javaPackage = 'default-jre-headless'

/** How a program from Maven Central is had, and the folder where it then is. */
export function fromMaven(program: MavenProgram): Pick<Service, 'obtainable' | 'install'> & {
  folder(): string
} {
  const folder = () => join(downloads(), `${program.name}-${program.version}-${fingerprint(program)}`)
  return {
    folder,
    obtainable: () => obtainable(program, folder()),
    install: () => install(program, folder()),
  }
}

/** Another recipe is another folder. */
const fingerprint = (program: MavenProgram) =>
  createHash('sha256').update(JSON.stringify(program)).digest('hex').slice(0, 8)

function obtainable(program: MavenProgram, folder: string): Obtainable {
  const java = findJava(program.java)
  const older = java === null ? [...javasHere()].map(({ version }) => version) : []
  if (older.length > 0) {
    const here = `PATH and /usr/lib/jvm have ${older.join(', ')}.`
    return { state: 'no', why: `It needs Java ${program.java} or newer. ${here}` }
  }
  const present = existsSync(folder)
  const missing = missingTools(java, present)
  const refusal = missing.map(fromDebian).find(({ state }) => state === 'no')
  if (refusal !== undefined) return refusal
  if (present && missing.length === 0) return { state: 'installed', version: program.version }
  const packages = missing.map((name) => `apt-get install ${name}, `).join('')
  return { state: 'install', from: `${packages}mvn: ${sourcesOf(program).join(' ')}` }
}

const missingTools = (java: Java | null, present: boolean): readonly string[] => [
  ...(java === null ? [javaPackage] : []),
  ...(present || onPath('mvn') !== null ? [] : [mavenPackage]),
]

const sourcesOf = ({ jars = [], archive }: MavenProgram) => (archive === undefined ? jars : [archive])

function install(program: MavenProgram, folder: string): void {
  for (const name of missingTools(findJava(program.java), existsSync(folder))) installFromDebian(name)
  if (existsSync(folder)) return
  mkdirSync(downloads(), { recursive: true })
  const unfinished = mkdtempSync(`${folder}.`)
  try {
    runOrThrow('mvn', mavenArguments(program, unfinished))
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** Makes what Maven reads, and answers how it is called. */
export function mavenArguments(program: MavenProgram, into: string): readonly string[] {
  const quiet = ['--batch-mode', '--quiet', '--strict-checksums', '-Dstyle.color=never']
  const pom = join(into, 'pom.xml')
  writeFileSync(pom, pomOf(program))
  const goal =
    program.archive === undefined
      ? [`${plugin}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'lib')}`]
      : [`${plugin}:unpack`, `-Dartifact=${program.archive}`, `-DoutputDirectory=${into}`]
  return [...quiet, '--file', pom, ...goal]
}

/** A project of nothing but dependencies. */
export function pomOf({ name, version, jars = [], without = [] }: MavenProgram): string {
  const exclusions = without.map((jar) => element('exclusion', coordinates(jar))).join('')
  const dependencies = jars.map((jar) =>
    element('dependency', `${coordinates(jar)}${element('exclusions', exclusions)}`),
  )
  const own = coordinates(`linkspan.services:${name}:${version}`)
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    `<modelVersion>4.0.0</modelVersion>${own}<packaging>pom</packaging>`,
    element('dependencies', dependencies.join('\n')),
    '</project>\n',
  ].join('\n')
}

function coordinates(text: string): string {
  const [group = '', artifact = '', version] = text.split(':')
  const named = `${element('groupId', group)}${element('artifactId', artifact)}`
  return version === undefined ? named : `${named}${element('version', version)}`
}

const element = (name: string, content: string) => `<${name}>${content}</${name}>`
