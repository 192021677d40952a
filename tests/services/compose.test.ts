import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { root } from '../../scripts/lib/files.ts'
import { services } from '../../scripts/services/list.ts'

interface Container {
  readonly image: string
  readonly ports: readonly string[]
  readonly environment: Readonly<Record<string, string | number>>
  readonly depends_on?: Readonly<Record<string, unknown>>
}

const compose = parse(readFileSync(join(root, 'compose.yaml'), 'utf8')) as {
  readonly services: Readonly<Record<string, Container>>
}

it('has the services of the list, and no others', () => {
  expect(Object.keys(compose.services).sort()).toEqual(services.map(({ name }) => name).sort())
})

it.each(services.map((service) => [service.name, service] as const))('%s is the same', (name, service) => {
  const container = compose.services[name]
  const published = container?.ports.map((port) => port.split(':').slice(0, 2).join(':')).sort()
  const wanted = Object.values(service.ports).map((port) => `127.0.0.1:${port}`)
  expect(published).toEqual(wanted.sort())
  const values = Object.values(container?.environment ?? {})
  for (const credential of Object.values(service.credentials)) {
    expect(values.includes(credential) || values.includes('*')).toBe(true)
  }
  expect(Object.keys(container?.depends_on ?? {})).toEqual(service.needs)
  expect(container?.image).toMatch(/:./)
})

it('gives each service ports of its own, below those of outgoing connections and of test servers', () => {
  const ports = services.flatMap((service) => Object.values(service.ports))
  expect(new Set(ports).size).toBe(ports.length)
  for (const port of ports) expect(port >= 17_000 && port < 20_000).toBe(true)
})

it('lists each service after those it needs', () => {
  const names = services.map(({ name }) => name)
  for (const { name, needs } of services) {
    for (const need of needs) expect(names.slice(0, names.indexOf(name))).toContain(need)
  }
})

it('tells the tests ports that are its own', () => {
  for (const { environment, ports } of services) {
    for (const url of Object.values(environment)) {
      expect(Object.values(ports)).toContain(Number(new URL(url).port))
    }
  }
})
