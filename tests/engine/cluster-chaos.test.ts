import { exponential, flow, inbox, retry } from 'linkspan'
import { fakeOperation, seededRandom } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { type Cluster, cluster, type Node } from './cluster-rig.ts'

interface Order {
  readonly key: string
  readonly n: number
}

const SEEDS = Number(process.env['CLUSTER_SEEDS'] ?? 25)
const FIRST = Number(process.env['CLUSTER_SEED'] ?? 1)
const STEPS = 60

const pauses = (n: number): boolean => n % 4 === 0

/** What became of one seed. */
interface Story {
  readonly lines: string[]
  readonly accepted: readonly { readonly id: string; readonly order: Order }[]
  readonly effects: readonly Order[]
  readonly states: readonly string[]
}

async function play(seed: number, lines: string[]): Promise<Story> {
  const random = seededRandom(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)] as T
  const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
  put.when(() =>
    random.next() < 0.25
      ? pick(['reset-before', 'reset-after', 'unavailable', 'refused'] as const)
      : undefined,
  )
  const save = flow('save', {
    onError: retry({ attempts: 100, backoff: exponential('500ms', '3s') }),
    concurrency: 4,
  })
    .from(inbox<Order>(), { key: ({ key }) => key })
    .delay('pause', ({ n }) => (pauses(n) ? '1s' : '0s'))
    .to('put', put)
  await using world = await cluster([save], { seed, partitions: 6 })
  const accepted: { id: string; order: Order }[] = []
  const frozen = new Set<Node>()
  const awake = (): Node[] => world.nodes.filter((node) => node.isAlive && !frozen.has(node))
  const numberOf = (node: Node): number => world.nodes.indexOf(node)
  let n = 0

  const send = async (): Promise<void> => {
    const node = pick(awake())
    n += 1
    const order = { key: `k${Math.floor(random.next() * 5)}`, n }
    // An engine that has just woken refuses until it has joined again.
    const sent = await node.engine.send(save, order).catch(() => null)
    if (sent) accepted.push({ id: sent.id, order })
  }
  const actions: Readonly<Record<string, () => Promise<void>>> = {
    async burst() {
      await world.during(Promise.all(Array.from({ length: 8 }, send)))
    },
    async wait() {
      await world.advance(`${Math.floor(random.next() * 4_000)}ms`)
    },
    async kill() {
      if (awake().length < 2) return
      const node = pick(awake())
      lines.push(`kill ${numberOf(node)}`)
      node.kill()
    },
    async freeze() {
      if (awake().length < 2) return
      const node = pick(awake())
      lines.push(`freeze ${numberOf(node)}`)
      node.freeze()
      frozen.add(node)
    },
    async thaw() {
      const [node] = frozen
      if (!node) return
      lines.push(`thaw ${numberOf(node)}`)
      frozen.delete(node)
      node.thaw()
    },
    async leave() {
      if (awake().length < 2) return
      const node = pick(awake())
      lines.push(`leave ${numberOf(node)}`)
      await node.stop()
    },
    async join() {
      if (awake().length > 4) return
      lines.push('join')
      await world.join()
    },
  }
  const names = ['burst', 'burst', 'wait', 'wait', 'wait', 'kill', 'freeze', 'thaw', 'leave', 'join', 'join']
  for (let step = 0; step < STEPS; step += 1) await actions[pick(names)]?.()
  for (const node of frozen) node.thaw()
  frozen.clear()
  await world.advance('10m')
  lines.push(`\n${await leftLying(world)}`)
  for (const node of world.nodes) lines.push(`\n${numberOf(node)}: ${lastWords(node)}`)
  return { lines, accepted, effects: put.effects.map(({ input }) => input), states: await allStates(world) }
}

/** What an engine said last, but for the ends of messages. */
function lastWords({ isAlive, member, engine, log }: Node): string {
  const said = log.lines.filter(({ event }) => !event.startsWith('message.')).slice(-6)
  const words = said.map(({ event, fields }) => `${event} ${JSON.stringify(fields)}`)
  return [`member ${member}, ${isAlive ? engine.state : 'gone'}`, ...words].join('\n   ')
}

/** What has not ended, and who owns what. */
async function leftLying({ nodes }: Cluster): Promise<string> {
  const { admin } = nodes.find(({ isAlive }) => isAlive) as Node
  const { items } = await admin.messages({ states: ['waiting', 'active'], limit: 20 })
  if (items.length === 0) return 'nothing lies'
  const { partitions } = await admin.cluster()
  const owners = partitions.map(({ partition, owner, waiting }) => `${partition}: ${owner} (${waiting})`)
  const lying = items.map(({ id, key, state, reason, wakeAt }) => [id, key, state, reason, wakeAt].join(' '))
  return [...owners, ...lying].join('; ')
}

async function allStates(world: Cluster): Promise<readonly string[]> {
  const node = world.nodes.find(({ isAlive }) => isAlive) as Node
  const { items } = await node.admin.messages({ order: 'oldest', limit: 1_000 })
  return items.map(({ state }) => state)
}

function wrongWith({ accepted, effects, states }: Story): string | null {
  const seen = new Map<number, number>()
  for (const { n } of effects) seen.set(n, (seen.get(n) ?? 0) + 1)
  const lost = accepted.filter(({ order }) => !seen.has(order.n))
  if (lost.length > 0) return `lost: ${lost.map(({ order }) => order.n)}`
  const doubled = [...seen].filter(([, times]) => times > 1)
  if (doubled.length > 0) return `doubled: ${doubled.map(([n]) => n)}`
  const stuck = states.filter((state) => state !== 'done')
  if (stuck.length > 0) return `not done: ${stuck}`
  return outOfOrder(accepted, effects)
}

/** Those that pause let their key go on; the others take effect in the order of their acceptance. */
function outOfOrder(accepted: Story['accepted'], effects: readonly Order[]): string | null {
  const place = new Map(accepted.map(({ id, order }) => [order.n, Number.parseInt(id, 36)]))
  const last = new Map<string, { n: number; at: number }>()
  for (const { key, n } of effects) {
    const at = place.get(n)
    if (at === undefined || pauses(n)) continue
    const before = last.get(key)
    if (before && before.at > at)
      return `${n} took effect after ${before.n}, which was accepted later (key ${key})`
    last.set(key, { n, at })
  }
  return null
}

it('engines that die, freeze, wake, leave and join lose nothing, double nothing and leave nothing lying', async () => {
  let deaths = 0
  let messages = 0
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const lines: string[] = []
    const story = await play(seed, lines).catch((cause: unknown) => {
      throw new Error(`seed ${seed} (${lines.join(', ')})`, { cause })
    })
    deaths += story.lines.filter((line) => line.startsWith('kill') || line.startsWith('freeze')).length
    messages += story.accepted.length
    const wrong = wrongWith(story)
    expect(
      wrong,
      `seed ${seed} (CLUSTER_SEED=${seed} CLUSTER_SEEDS=1): ${wrong}\n${story.lines.join(', ')}`,
    ).toBeNull()
  }
  expect(deaths).toBeGreaterThan(SEEDS)
  expect(messages).toBeGreaterThan(40 * SEEDS)
})
