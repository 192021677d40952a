import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createEngine } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { hub } from '../../deploy/hub/hub.ts'
import { durationMs } from '../../packages/linkspan/src/model/duration.ts'
import { filesBelow, root } from '../../scripts/lib/files.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { type TestPostgres, testPostgres } from '../postgres-server/index.ts'
import { copiesOf, execForm, filesOf, only, readStages, type Stage } from './dockerfile.ts'

const deploy = join(root, 'deploy')
const project = join(deploy, 'hub')
const stages = readStages(join(project, 'Dockerfile'))
const image = stages.at(-1) as Stage
const port = Number(only(image, 'EXPOSE'))

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Container {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Pods {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: { readonly runAsUser: number; readonly runAsNonRoot: boolean }
  readonly containers: readonly Container[]
  readonly volumes: readonly {
    readonly name: string
    readonly secret?: {
      readonly secretName: string
      readonly items: readonly { readonly key: string; readonly path: string }[]
    }
  }[]
}
interface Labels {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
interface Workload {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly replicas: number
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: { readonly metadata: Labels; readonly spec: Pods }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}

const manifest = <Shape>(...path: readonly string[]): Shape =>
  parse(readFileSync(join(deploy, ...path), 'utf8')) as Shape
const workloads = [
  ['kubernetes', manifest<Workload>('kubernetes', 'deployment.yaml')],
  ['kubernetes-sqlite', manifest<Workload>('kubernetes-sqlite', 'stateful-set.yaml')],
] as const
const containerOf = ({ spec }: Workload): Container => spec.template.spec.containers[0] as Container
const envOf = (workload: Workload): Record<string, string> =>
  Object.fromEntries(containerOf(workload).env.map(({ name, value }) => [name, value]))

describe('the manifests', () => {
  const files = filesBelow(deploy, (path) => path.endsWith('.yaml'))

  it('are there', () => expect(files.length).toBeGreaterThanOrEqual(8))

  it.each(files)('%s is one document of YAML with a kind', (file) => {
    const documents = parseAllDocuments(readFileSync(join(deploy, file), 'utf8'))
    expect(documents).toHaveLength(1)
    for (const document of documents as Exclude<typeof documents, { empty: true }>) {
      expect([...document.errors, ...document.warnings]).toEqual([])
      expect(document.toJS()).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) })
    }
  })

  it.each(workloads.map(([folder]) => folder))('of %s are all in its kustomization', (folder) => {
    const { resources, images } = manifest<{ resources: string[]; images: { name: string }[] }>(
      folder,
      'kustomization.yaml',
    )
    const present = readdirSync(join(deploy, folder)).filter((name) => name !== 'kustomization.yaml')
    expect([...resources].sort()).toEqual(present.sort())
    expect(images.map(({ name }) => name)).toEqual(['hub'])
  })

  it.each(workloads)('of %s agree on ports, labels and names', (folder, workload) => {
    const { template, selector } = workload.spec
    const container = containerOf(workload)
    const service = manifest<{
      spec: { selector: object; ports: { targetPort: string }[] }
    }>(folder, 'service.yaml')
    expect(container.ports).toEqual([{ name: 'http', containerPort: port }])
    expect(envOf(workload)['PORT']).toBe(String(port))
    expect(template.metadata.annotations['prometheus.io/port']).toBe(String(port))
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual(['http'])
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe])
      expect(probe.httpGet.port).toBe('http')
    expect(template.metadata.labels).toMatchObject(selector.matchLabels)
    expect(service.spec.selector).toEqual(selector.matchLabels)
    expect(container.image).toBe('hub')
  })

  it.each(workloads)('of %s mount what is referred to', (_folder, workload) => {
    const { containers, volumes, securityContext } = workload.spec.template.spec
    const { volumeMounts } = containers[0] as Container
    const claimed = workload.spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? []
    expect(volumeMounts.map(({ name }) => name).sort()).toEqual(
      [...volumes.map(({ name }) => name), ...claimed].sort(),
    )
    const secrets = volumes.find(({ secret }) => secret !== undefined)
    const folder = volumeMounts.find(({ name }) => name === secrets?.name)?.mountPath
    const paths = secrets?.secret?.items.map(({ path }) => `${folder}/${path}`)
    const referred = Object.entries(envOf(workload)).filter(([name]) => name.endsWith('_FILE'))
    expect(referred.map(([, path]) => path).sort()).toEqual([...(paths ?? [])].sort())
    expect(`${securityContext.runAsUser}:1000`).toBe(only(image, 'USER'))
    expect(securityContext.runAsNonRoot).toBe(true)
  })

  it.each(workloads)('of %s give a graceful stop the time that it may take', (_folder, workload) => {
    const { args, lifecycle } = containerOf(workload)
    const within = durationMs(args[args.indexOf('--within') + 1] as '30s') / 1000
    const [sleep, pause] = lifecycle.preStop.exec.command
    expect(sleep).toBe('sleep')
    const longest = Number(pause) + 1.5 * within
    expect(workload.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(longest + 5)
  })

  it('keep one replica on SQLite, and several on PostgreSQL', () => {
    expect(workloads.map(([, { kind, spec }]) => [kind, spec.replicas])).toEqual([
      ['Deployment', 2],
      ['StatefulSet', 1],
    ])
  })

  it('disrupt and scale what there is', () => {
    const [, deployment] = workloads[0]
    const budget = manifest<Workload>('kubernetes', 'pod-disruption-budget.yaml')
    expect(budget.spec.selector).toEqual(deployment.spec.selector)
    const scaled = manifest<{
      spec: {
        scaleTargetRef: object
        minReplicaCount: number
        maxReplicaCount: number
        triggers: { metadata: { query: string } }[]
      }
    }>('kubernetes', 'scaled-object.yaml')
    expect(scaled.spec.scaleTargetRef).toEqual({ name: deployment.metadata.name })
    expect(scaled.spec.minReplicaCount).toBe(deployment.spec.replicas)
    // Each engine tells what waits in the whole journal: added up over engines, it would make more of them.
    expect(scaled.spec.triggers.map(({ metadata }) => metadata.query)).toEqual([
      expect.stringMatching(/^sum\(max by \(flow\) \(linkspan_messages_waiting\b/),
    ])
    expect(scaled.spec.maxReplicaCount).toBeGreaterThan(scaled.spec.minReplicaCount)
  })

  it('name paths and metrics that an engine has', async () => {
    const environment: Record<string, string> = {
      SHIPPING_URL: 'http://127.0.0.1:1',
      ADMIN_TOKEN: 'x'.repeat(32),
    }
    const engine = createEngine(
      { ...hub, journal: simulated(), http: false },
      { lookup: ({ name }) => environment[name], outside: { logger: { log: () => {} } } },
    )
    await engine.start()
    try {
      for (const [, workload] of workloads) {
        const { startupProbe, readinessProbe, livenessProbe } = containerOf(workload)
        const statuses = async (path: string): Promise<number> =>
          (await engine.fetch(new Request(`http://hub${path}`))).status
        for (const probe of [startupProbe, readinessProbe, livenessProbe])
          expect(await statuses(probe.httpGet.path), probe.httpGet.path).toBe(200)
        expect(readinessProbe.httpGet.path).toBe('/readyz')
        expect(livenessProbe.httpGet.path).toBe('/healthz')
        expect(await statuses(workload.spec.template.metadata.annotations['prometheus.io/path'] ?? '')).toBe(
          200,
        )
      }
      const shown = engine.metrics.prometheus()
      const texts = files.map((file) => readFileSync(join(deploy, file), 'utf8'))
      const named = texts.flatMap((text) => [...text.matchAll(/\blinkspan_[a-z_]+/g)].map(([name]) => name))
      expect(named).toContain('linkspan_messages_waiting')
      for (const name of named) expect(shown).toContain(`# TYPE ${name} `)
    } finally {
      await engine.stop()
    }
  })
})

describe('the Dockerfile', () => {
  it('builds on Node 24 in stages, and does not run as root', () => {
    expect(stages.length).toBeGreaterThan(1)
    const names = stages.map(({ name }) => name)
    for (const { base } of stages) expect(names.includes(base) || /^node:24-/.test(base), base).toBe(true)
    expect(only(image, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(only(image, 'STOPSIGNAL')).toBe('SIGTERM')
  })

  it('copies what is there, and what an earlier stage has', () => {
    const has = new Map<string | null, Set<string>>()
    for (const stage of stages) {
      const present = new Set(has.get(stage.base) ?? [])
      for (const { from, sources, target } of copiesOf(stage))
        for (const source of sources) {
          if (from !== null) expect(has.get(from), `${source} of ${from}`).toContain(basename(source))
          // Linkspan's own package, for as long as it is installed from a file.
          else if (source !== 'linkspan-*.tgz*')
            expect(filesOf(project, source), `${source} in deploy/hub`).not.toEqual([])
          const names = from === null ? filesOf(project, source) : [source]
          for (const name of target === './' ? names : [target]) present.add(basename(name))
        }
      if (stage.instructions.some(({ text }) => text.startsWith('npm ci'))) present.add('node_modules')
      has.set(stage.name, present)
    }
  })

  it('is sent all that it copies, and nothing else of the project', () => {
    const sent = readFileSync(join(project, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    const copied = stages
      .flatMap((stage) => copiesOf(stage))
      .filter(({ from }) => from === null)
      .flatMap(({ sources }) => sources.flatMap((source) => filesOf(project, source)))
    const allowed = sent.flatMap((pattern) => filesOf(project, pattern))
    expect([...new Set(copied)].sort()).toEqual([...new Set(allowed)].sort())
    for (const text of ['COPY . ', 'node_modules ./\n'])
      expect(readFileSync(join(project, 'Dockerfile'), 'utf8')).not.toContain(text)
  })
})

/** Does by hand what the last stage does: its folders and files, the packages of this checkout. */
function builtByHand(): string {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-image-'))
  for (const { sources, target } of copiesOf(image))
    for (const source of sources) {
      const name = source.replace(/^\/app\//, '')
      if (name === 'node_modules') symlinkSync(join(root, 'node_modules'), join(folder, name))
      else cpSync(join(project, name), join(folder, target === './' ? name : target), { recursive: true })
    }
  const made = image.instructions.find(({ word }) => word === 'RUN')?.text ?? ''
  expect(made).toMatch(/^install --directory/)
  for (const name of made.split(' ').filter((word) => !word.startsWith('-') && word !== 'install'))
    mkdirSync(join(folder, name))
  return folder
}

describe.each(workloads)('the command of %s, run by hand in a copied folder', (kind, workload) => {
  let databases: TestPostgres | null = null
  let folder: string
  let secrets: string
  let environment: NodeJS.ProcessEnv
  let shipping: Server
  let child: ChildProcess
  let said = ''
  let url: string
  const shipped: string[] = []
  const exited = Promise.withResolvers<number | null>()

  beforeAll(async () => {
    folder = builtByHand()
    shipping = createServer((request, response) => {
      let text = ''
      request.on('data', (part) => {
        text += String(part)
      })
      request.on('end', () => {
        shipped.push(text)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })
    })
    await new Promise<void>((listening) => shipping.listen(0, '127.0.0.1', listening))
    const own = await freePort()
    url = `http://127.0.0.1:${own}`
    secrets = mkdtempSync(join(tmpdir(), 'linkspan-secrets-'))
    writeFileSync(join(secrets, 'admin-token'), `${'t'.repeat(32)}\n`)
    if (kind === 'kubernetes') {
      databases = await testPostgres()
      writeFileSync(join(secrets, 'database-url'), await databases.database())
    }
    const wanted = Object.entries(envOf(workload)).map(([name, value]) => [
      name,
      name.endsWith('_FILE') ? join(secrets, basename(value)) : value.replace('/app/', `${folder}/`),
    ])
    environment = {
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      ...Object.fromEntries(wanted),
      SHIPPING_URL: `http://127.0.0.1:${(shipping.address() as AddressInfo).port}`,
      PORT: String(own),
    }
    const [program = '', ...entry] = execForm(only(image, 'ENTRYPOINT'))
    child = spawn(program, [...entry, ...containerOf(workload).args], {
      cwd: folder,
      env: environment,
      stdio: 'pipe',
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (part) => {
        said += String(part)
      })
    child.on('exit', (code) => exited.resolve(code))
  })
  afterAll(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited.promise
    shipping.closeAllConnections()
    shipping.close()
    await databases?.stop()
    for (const each of [folder, secrets]) rmSync(each, { recursive: true, force: true })
  })

  const healthy = (): boolean => {
    const [program = '', ...args] = execForm(only(image, 'HEALTHCHECK'))
    return spawnSync(program, args, { cwd: folder, env: environment }).status === 0
  }

  it('answers the probes, takes messages, stops gracefully, and writes nowhere else', async () => {
    expect(healthy()).toBe(false)
    const { readinessProbe, livenessProbe } = containerOf(workload)
    await expect
      .poll(() => statusOf(`${url}${readinessProbe.httpGet.path}`), {
        timeout: 200_000,
        interval: 100,
        message: said,
      })
      .toBe(200)
    expect(await statusOf(`${url}${livenessProbe.httpGet.path}`)).toBe(200)
    const order = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'o1', customer: 'c1' }),
    })
    expect(order.status).toBe(202)
    await expect.poll(() => shipped, { timeout: 200_000 }).toEqual(['{"id":"o1","customer":"c1"}'])
    await expect
      .poll(async () => (await fetch(`${url}/metrics`)).text(), { timeout: 200_000 })
      .toContain('linkspan_messages_waiting{flow="orders"} 0')
    expect(await asRunning()).toBe(true)
    child.kill('SIGTERM')
    expect(await exited.promise, said).toBe(0)
    expect(said).toContain('"stopped"')
    expect(healthy()).toBe(false)
    const written = writtenIn(folder)
    const writable = kind === 'kubernetes' ? ['.linkspan'] : ['.linkspan', 'data']
    expect(written.filter((name) => !writable.includes(name.split('/')[0] ?? ''))).toEqual([])
    if (kind !== 'kubernetes') expect(written).toContain('data/hub.db')
  })

  /** Its health check says so too, and so does the command line within the folder. */
  async function asRunning(): Promise<boolean> {
    const [program = '', ...entry] = execForm(only(image, 'ENTRYPOINT'))
    const asked = spawnSync(program, [...entry, 'messages', '--json'], {
      cwd: folder,
      env: environment,
      encoding: 'utf8',
    })
    expect(asked.stderr + asked.stdout).toContain('"done"')
    return healthy()
  }
})

/** The files in a folder that its recipe did not put there. */
function writtenIn(folder: string): readonly string[] {
  const put = new Set(copiesOf(image).flatMap(({ sources }) => sources.map((source) => basename(source))))
  const below = (path: string): readonly string[] =>
    readdirSync(join(folder, path)).flatMap((name) => {
      const each = join(path, name)
      if (path === '' && put.has(name)) return []
      return statSync(join(folder, each)).isDirectory() ? below(each) : [each]
    })
  return below('')
}

async function statusOf(url: string): Promise<number | null> {
  return fetch(url).then(
    ({ status }) => status,
    () => null,
  )
}

it('is said in the README that it was not built here', () => {
  const text = readFileSync(join(deploy, 'README.md'), 'utf8')
  expect(text).toContain('No image was built')
})
