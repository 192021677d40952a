import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Obtainable, Service } from './service.ts'

const instead = 'Or start all services with Docker: docker compose up --detach --wait'

/** Whether Debian packages, separated by blanks, that are not installed can be. */
export function fromDebian(names: string): Obtainable {
  if (!isDebian()) {
    return { state: 'no', why: `This is not Debian, and ${names} is not where Debian puts it. ${instead}` }
  }
  if (process.getuid?.() !== 0) {
    return { state: 'no', why: `It is not installed, and only root may: sudo ${command(names)}. ${instead}` }
  }
  return { state: 'install', from: command(names) }
}

const command = (names: string) => `apt-get install --no-install-recommends ${names}`

function isDebian(): boolean {
  const file = '/etc/os-release'
  return existsSync(file) && /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync(file, 'utf8'))
}

/** Installs packages as root. What they would start by themselves stays off: the services have their own ports and data. */
export function installFromDebian(names: string): void {
  withoutAutostart(() => {
    if (apt('install', ...names.split(' ')).status === 0) return
    apt('update')
    const again = apt('install', ...names.split(' '))
    if (again.status !== 0) throw new Error(`${command(names)} failed:\n${again.output}`)
  })
}

function apt(verb: string, ...names: readonly string[]): { status: number | null; output: string } {
  const args = ['--yes', '--quiet', '--no-install-recommends', verb, ...names]
  const { status, stdout, stderr } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return { status, output: `${stdout}${stderr}`.trim() }
}

/** Debian asks this program before it starts a service; 101 means no. */
const policy = '/usr/sbin/policy-rc.d'

function withoutAutostart(run: () => void): void {
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    run()
  } finally {
    if (ours) rmSync(policy)
  }
}

/** How a server that Debian packages is had: its programs stand where Debian puts them. */
export function debianServer(
  packages: string,
  programs: readonly string[],
  version: () => string,
): Pick<Service, 'obtainable' | 'install'> {
  const present = () => programs.every((program) => existsSync(program))
  return {
    obtainable: () => (present() ? { state: 'installed', version: version() } : fromDebian(packages)),
    install: () => installFromDebian(packages),
  }
}
