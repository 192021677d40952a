import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Obtainable } from './service.ts'

const instead = 'Or start all services with Docker: docker compose up --detach --wait'

/** Whether a Debian package that is not installed can be. */
export function fromDebian(name: string): Obtainable {
  if (!isDebian()) {
    return { state: 'no', why: `This is not Debian, and ${name} is not where Debian puts it. ${instead}` }
  }
  if (process.getuid?.() !== 0) {
    return { state: 'no', why: `It is not installed, and only root may: sudo ${command(name)}. ${instead}` }
  }
  return { state: 'install', from: command(name) }
}

const command = (name: string) => `apt-get install --no-install-recommends ${name}`

function isDebian(): boolean {
  const file = '/etc/os-release'
  return existsSync(file) && /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync(file, 'utf8'))
}

/** Installs a package as root. What it would start by itself stays off: the services have their own ports and data. */
export function installFromDebian(name: string): void {
  withoutAutostart(() => {
    if (apt('install', name).status === 0) return
    apt('update')
    const again = apt('install', name)
    if (again.status !== 0) throw new Error(`${command(name)} failed:\n${again.output}`)
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
