import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { suits } from '../../scripts/services/go.ts'
import { findJava, javaCommand } from '../../scripts/services/java.ts'
import { fromMaven, type MavenProgram, pomOf } from '../../scripts/services/maven.ts'
import { atLeast, downloads, onPath, runOrThrow, versionIn } from '../../scripts/services/programs.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-sources-'))
  mkdirSync(join(folder, 'bin'))
  vi.stubEnv('LINKSPAN_SERVICES_CACHE', join(folder, 'cache'))
  vi.stubEnv('PATH', `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

/** A program on PATH that is a shell script. */
function script(name: string, text: string): string {
  const file = join(folder, 'bin', name)
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

const argumentsFile = () => join(folder, 'arguments')

/** A Maven that writes down what it is asked, and makes one jar. */
const goodMaven = () => `echo "$@" > ${argumentsFile()}
for argument; do case $argument in -DoutputDirectory=*) mkdir -p "\${argument#*=}"; echo jar > "\${argument#*=}/one.jar";; esac; done`

const someJava = 'echo \'openjdk version "17.0.1" 2021-10-19\' >&2'

const kafka: MavenProgram = { name: 'one', version: '1.2.3', jars: ['org.x:one:1.2.3'], java: '17' }

describe('Maven Central', () => {
  it('is asked for jars with what they depend on, checksums and all, and not again', () => {
    script('java', someJava)
    script('mvn', goodMaven())
    const program = fromMaven(kafka)
    expect(program.obtainable()).toEqual({ state: 'install', from: 'mvn: org.x:one:1.2.3' })
    program.install()
    expect(readFileSync(join(program.folder(), 'lib', 'one.jar'), 'utf8')).toBe('jar\n')
    expect(program.obtainable()).toEqual({ state: 'installed', version: '1.2.3' })
    const asked = readFileSync(argumentsFile(), 'utf8')
    expect(asked).toMatch(/--strict-checksums .*:copy-dependencies -DincludeScope=runtime /)
    rmSync(argumentsFile())
    program.install()
    expect(existsSync(argumentsFile())).toBe(false)
  })

  it('is asked for an archive', () => {
    script('java', someJava)
    script('mvn', goodMaven())
    const program = fromMaven({ name: 'two', version: '2.0', archive: 'org.x:two:2.0:zip:bin', java: '17' })
    program.install()
    expect(readFileSync(argumentsFile(), 'utf8')).toMatch(/:unpack -Dartifact=org\.x:two:2\.0:zip:bin /)
    expect(existsSync(join(program.folder(), 'one.jar'))).toBe(true)
  })

  it('says what it said where it fails, and leaves nothing half done', () => {
    script('java', someJava)
    script('mvn', 'echo "[ERROR] no such jar"; exit 1')
    const program = fromMaven(kafka)
    expect(() => program.install()).toThrow(/^mvn --batch-mode .* failed:\n\[ERROR\] no such jar$/)
    expect(readdirSync(join(folder, 'cache'))).toEqual([])
    expect(program.obtainable().state).toBe('install')
  })

  it('has nothing for a Java that is too old', () => {
    script('java', someJava)
    expect(fromMaven({ ...kafka, java: '999' }).obtainable()).toEqual({
      state: 'no',
      why: expect.stringMatching(/^It needs Java 999 or newer\. PATH and \/usr\/lib\/jvm have 17\.0\.1/),
    })
  })

  it('gives another recipe another folder', () => {
    const other = { ...kafka, without: ['org.x:two'] }
    expect(fromMaven(other).folder()).not.toBe(fromMaven(kafka).folder())
    expect(fromMaven({ ...kafka }).folder()).toBe(fromMaven(kafka).folder())
  })

  it('reads a project of nothing but dependencies', () => {
    expect(pomOf({ ...kafka, without: ['org.x:tools'] })).toBe(
      '<project xmlns="http://maven.apache.org/POM/4.0.0">\n' +
        '<modelVersion>4.0.0</modelVersion><groupId>linkspan.services</groupId><artifactId>one</artifactId>' +
        '<version>1.2.3</version><packaging>pom</packaging>\n' +
        '<dependencies><dependency><groupId>org.x</groupId><artifactId>one</artifactId><version>1.2.3</version>' +
        '<exclusions><exclusion><groupId>org.x</groupId><artifactId>tools</artifactId></exclusion></exclusions>' +
        '</dependency></dependencies>\n</project>\n',
    )
  })
})

describe('Java', () => {
  const javas = [
    { file: '/a/java', version: '17.0.15' },
    { file: '/b/java', version: '25.0.1' },
    { file: '/c/java', version: '1.8.0' },
  ]

  it('is the first that is new enough', () => {
    expect(findJava('17', javas)?.file).toBe('/a/java')
    expect(findJava('21', javas)?.file).toBe('/b/java')
    expect(findJava('26', javas)).toBeNull()
  })

  it('gets a heap of the stated size', () => {
    const program = { java: '17', classpath: 'x', main: 'Main', args: ['run'], properties: { a: 'b' } }
    expect(javaCommand({ ...program, heapMiB: 64 }).args).toEqual(
      expect.arrayContaining(['-Xms64m', '-Xmx64m', '-Da=b']),
    )
    expect(javaCommand({ ...program, heapMiB: 512 }).args.slice(-4)).toEqual(['-cp', 'x', 'Main', 'run'])
    expect(javaCommand({ ...program, heapMiB: 512 }).args).toEqual(
      expect.arrayContaining(['-Xms128m', '-Xmx512m']),
    )
  })
})

describe('Go', () => {
  it('builds what it is new enough for, or can fetch a newer Go for', () => {
    expect(suits('1.26.8', 'local', '1.26')).toBe(true)
    expect(suits('1.24.0', 'auto', '1.26')).toBe(true)
    expect(suits('1.24.0', 'local', '1.26')).toBe(false)
    expect(suits('1.19.8', '', '1.26')).toBe(false)
  })
})

describe('programs', () => {
  it('are compared by their versions part for part', () => {
    expect(atLeast('17.0.15', '17')).toBe(true)
    expect(atLeast('17', '17.0.1')).toBe(false)
    expect(atLeast('9.10', '9.9')).toBe(true)
    expect(atLeast('8', '17')).toBe(false)
    expect(atLeast('unknown', '17')).toBe(false)
  })

  it('say their version in any sentence', () => {
    expect(versionIn('Redis server v=7.0.15 sha=0')).toBe('7.0.15')
    expect(versionIn('openjdk version "25" 2025-09-16')).toBe('25')
    expect(versionIn('nothing')).toBe('unknown')
  })

  it('are found on PATH where they may be run', () => {
    const file = script('some-program', 'true')
    expect(onPath('some-program')).toBe(file)
    chmodSync(file, 0o644)
    expect(onPath('some-program')).toBeNull()
    expect(onPath('some-program', '')).toBeNull()
  })

  it('tell why they failed', () => {
    const file = script('some-program', 'echo out; echo err >&2; exit 3')
    expect(() => runOrThrow(file, ['x'])).toThrow(`${file} x failed:\nout\nerr`)
    expect(() => runOrThrow('/nowhere/at-all', [])).toThrow(/^\/nowhere\/at-all {2}failed:\n.*ENOENT/)
  })
})

it('keeps downloads in the user’s cache', () => {
  expect(downloads({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/linkspan/services')
  expect(downloads({})).toMatch(/\/\.cache\/linkspan\/services$/)
  expect(downloads({ LINKSPAN_SERVICES_CACHE: '/own', XDG_CACHE_HOME: '/cache' })).toBe('/own')
})
