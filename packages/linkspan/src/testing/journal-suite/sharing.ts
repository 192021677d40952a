import assert from 'node:assert/strict'
import { isLinkspanError } from '../../model/errors.ts'
import { rootId } from '../../model/message-id.ts'
import {
  beats,
  type DeclareShared,
  type Engine,
  engine,
  engines,
  home,
  seen,
  shared,
  the,
} from './engines.ts'
import { testHandingOver } from './handing-over.ts'
import { bytes, childOf, range, seqs, text } from './harness.ts'
import { testTakingOver } from './taking-over.ts'
import { testTogether } from './together.ts'

/** How late the time of a journal may be told: a wrong clock is out by more. */
const LATE_MS = 60_000

/** What several engines that share a journal are promised. */
export function testSharing(declare: DeclareShared): void {
  testShares(declare)
  testGivingBack(declare)
  testSurvey(declare)
  testRefusals(declare)
  testHandingOver(declare)
  testTakingOver(declare)
  testTogether(declare)
}

function testShares(declare: DeclareShared): void {
  declare('grants everything to the first engine, when it begins', async (rig) => {
    const { journal } = await rig.join()
    const deaf = (): void => undefined
    assert.deepEqual([...journal.ownership.owned], [])
    const grants = await journal.ownership.begin({ granted: deaf, asked: deaf, handed: deaf, lost: deaf })
    const all = range(0, rig.partitions - 1)
    assert.deepEqual(
      [...grants].sort((a, b) => a.partition - b.partition),
      all.map((partition) => ({ partition, died: null })),
    )
    assert.deepEqual(
      [...journal.ownership.owned].sort((a, b) => a - b),
      all,
    )
    assert.equal(journal.ownership.partitions, rig.partitions)
    assert.equal(journal.ownership.holds(), true)
    assert.deepEqual(journal.opened, { crashed: false, lastSeq: 0, historySize: 0 })
  })

  declare('numbers engines upwards, also past those that have left', async (rig) => {
    const one = await engine(rig)
    const two = await engine(rig)
    await two.journal.close()
    const three = await engine(rig)
    assert.ok(one.member > 0)
    assert.ok(two.member > one.member)
    assert.ok(three.member > two.member)
  })

  declare(
    'asks the owner for what an engine that joins should have, and grants it when given back',
    async (rig) => {
      const one = await engine(rig)
      const before = one.owned
      const two = await engine(rig)
      await shared(rig, [one, two])
      const moved = one.asked.flat()
      assert.equal(moved.length, Math.floor(rig.partitions / 2), 'no more than needed')
      assert.ok(moved.every((partition) => before.includes(partition)))
      assert.deepEqual(
        two.owned,
        [...moved].sort((a, b) => a - b),
      )
      assert.deepEqual(
        [...two.grants].sort((a, b) => a.partition - b.partition),
        two.owned.map((partition) => ({ partition, died: null })),
      )
    },
  )

  declare('gives everybody that joins a share, also where the partitions cannot be divided', async (rig) => {
    const all: Engine[] = []
    while (all.length < rig.partitions - 1) {
      all.push(await engine(rig))
      await shared(rig, all)
    }
  })

  declare('keeps the leases of engines that beat', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const { leaseUntil } = await seen(one, two.member)
    await rig.until(async () => (await one.ownership.survey()).now > leaseUntil)
    for (const { ownership, member, lost } of [one, two]) {
      assert.equal(ownership.holds(), true)
      assert.equal((await seen(one, member)).state, 'live')
      assert.deepEqual(lost, [])
    }
  })
}

function testGivingBack(declare: DeclareShared): void {
  declare('does not move a partition that its owner has not given back', async (rig) => {
    const one = await engine(rig, { gives: false })
    const two = await engine(rig)
    await rig.until(() => one.asked.length > 0)
    await beats(rig, [one, two])
    assert.deepEqual(two.owned, [])
    assert.equal(one.owned.length, rig.partitions)
    const wanted = one.asked[0] as readonly number[]
    one.ownership.retire(wanted)
    await beats(rig, [one, two])
    assert.deepEqual(two.owned, [], 'a retired one has not been given back')
    assert.deepEqual(
      wanted.filter((partition) => one.ownership.owned.has(partition)),
      [],
    )
    assert.deepEqual((await seen(two, one.member)).partitions.length, rig.partitions)
    await one.ownership.release(wanted)
    await rig.until(() => two.owned.length === wanted.length)
  })

  declare(
    'answers nothing that waits in retired partitions, and all of it to the next owner',
    async (rig) => {
      const one = await engine(rig, { gives: false })
      const two = await engine(rig)
      await rig.until(() => one.asked.length > 0)
      const wanted = one.asked[0] as readonly number[]
      const [partition = 0] = wanted
      const kept = one.owned.find((other) => !wanted.includes(other)) as number
      await one.accept({ partition, key: 'k', ready: true }, { partition: kept, ready: true })
      assert.deepEqual(seqs(await one.journal.backlog.page('orders', 0, 10)), [1, 2])
      one.ownership.retire(wanted)
      assert.deepEqual(seqs(await one.journal.backlog.page('orders', 0, 10)), [2])
      await one.ownership.release(wanted)
      await rig.until(() => two.ownership.owned.has(partition))
      assert.deepEqual(seqs(await two.journal.backlog.page('orders', 0, 10)), [1])
      assert.equal(the(two.grants.filter((grant) => grant.partition === partition)).died, null)
      assert.deepEqual(await two.journal.backlog.unsettled(0, 10), [])
    },
  )

  declare(
    'answers a parent’s children also in a retired partition, so that it can come to rest',
    async (rig) => {
      const one = await engine(rig)
      const partition = home(one)
      const [root = 0] = await one.accept({ partition, token: 'rootrootroot' })
      const child = childOf({ seq: root, id: rootId(root, 'rootrootroot') }, 'split', 0, {
        partition,
        ready: true,
      })
      const children = await one.accept(child)
      one.ownership.retire([partition])
      assert.deepEqual(seqs(await one.journal.backlog.pageOfParent(root, 0, 10)), children)
    },
  )

  declare('goes on with what waited and ran where a partition was before', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(one)
    const [seq = 0] = await one.accept({ partition, key: 'k' })
    await one.commit({
      records: [{ seq, n: 0, frame: bytes('begun') }],
      waits: [
        {
          seq,
          flow: 'orders',
          key: 'k',
          reason: 'ready',
          wakeAt: null,
          hold: false,
          parent: null,
          attempt: 2,
        },
      ],
    })
    await one.giveBack([partition])
    await one.journal.close()
    await rig.until(() => two.ownership.owned.has(partition))
    const entry = the(await two.journal.backlog.page('orders', 0, 10))
    assert.deepEqual([entry.seq, entry.partition, entry.attempt], [seq, partition, 2])
    assert.deepEqual(the(await two.journal.messages.load([seq])).frames.map(text), ['begun'])
  })

  declare('grants nothing more to an engine that is about to leave, and all to the others', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.giveBack(one.owned)
    await rig.until(() => two.owned.length === rig.partitions)
    await beats(rig, [one, two])
    assert.deepEqual(one.owned, [])
    assert.deepEqual(two.asked, [], 'nothing is asked for it')
    assert.equal((await seen(two, one.member)).state, 'live')
  })

  declare('grants what an engine leaves at rest at once and clean', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(one)
    await one.accept({ partition, ready: true })
    const { now, leaseUntil } = { ...(await two.ownership.survey()), ...(await seen(two, one.member)) }
    assert.ok(leaseUntil > now)
    await one.journal.close()
    await rig.until(() => two.owned.length === rig.partitions)
    assert.deepEqual(
      two.grants.filter(({ died }) => died !== null),
      [],
    )
    assert.equal((await seen(two, one.member)).state, 'closed')
  })
}

function testSurvey(declare: DeclareShared): void {
  declare('shows who shares it, and what waits where', async (rig) => {
    const one = await engine(rig, { flows: new Map([['orders', 'v1']]) })
    const two = await engine(rig, { flows: new Map([['orders', 'v2']]) })
    await shared(rig, [one, two])
    const [mine, other] = [home(one), home(two)]
    await one.accept(
      { partition: mine, ready: true, acceptedAt: 30 },
      { partition: mine, ready: true, acceptedAt: 20 },
      { partition: other, ready: true, handOver: true, acceptedAt: 40 },
    )
    const { now, members, partitions } = await two.ownership.survey()
    assert.deepEqual(
      (await two.ownership.members()).map(({ leaseUntil: _later, ...row }) => row),
      members.map(({ leaseUntil: _before, ...row }) => row),
    )
    for (const { member, owned } of [one, two]) {
      const found = the(members.filter((row) => row.member === member))
      assert.deepEqual([found.state, found.self], ['live', member === two.member])
      assert.deepEqual(
        [...found.partitions].sort((a, b) => a - b),
        owned,
      )
      assert.deepEqual(found.flows, { orders: member === one.member ? 'v1' : 'v2' })
      assert.ok(found.name.length > 0)
      assert.ok(found.since <= now && now < found.leaseUntil)
    }
    const waiting = partitions.filter((row) => row.waiting > 0)
    const expected = [
      { partition: mine, owner: one.member, waiting: 2, oldest: 20 },
      { partition: other, owner: two.member, waiting: 1, oldest: 40 },
    ]
    assert.deepEqual(
      [...waiting].sort((a, b) => a.partition - b.partition),
      expected.sort((a, b) => a.partition - b.partition),
    )
    assert.deepEqual(
      partitions.map(({ partition }) => partition).sort((a, b) => a - b),
      range(0, rig.partitions - 1),
    )
  })

  declare(
    'tells its time to all that share it, never ahead of its own, and whose clock is wrong',
    async (rig) => {
      const [one, two] = await engines(rig, 2)
      for (const { ownership } of [one.journal, two.journal]) {
        const { now: before } = await ownership.survey()
        const told = ownership.now()
        const { now, members } = await ownership.survey()
        assert.ok(told !== null && told <= now && told > before - LATE_MS, `${before}, ${told}, ${now}`)
        for (const { clockAheadMs } of members) assert.equal(typeof clockAheadMs, 'number')
      }
    },
  )

  declare('counts what runs at any of those that share it', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.accept(
      { partition: home(one) },
      { partition: home(one) },
      { partition: home(one), ready: true },
    )
    await two.accept({ partition: home(two) })
    const reader = await rig.read()
    for (const { ownership } of [one.journal, two.journal, reader])
      assert.deepEqual(await ownership.running(), [{ flow: 'orders', child: false, count: 3 }])
    await reader.close()
  })

  declare('is shown to one that only reads, who owns nothing and sees all that waits', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.accept(...[one, two].map((of) => ({ partition: home(of), ready: true, handOver: of === two })))
    const reader = await rig.read()
    const { members } = await reader.ownership.survey()
    assert.deepEqual(
      members.filter(({ state }) => state === 'live').map(({ member, self }) => [member, self]),
      [one, two].map(({ member }) => [member, false]),
    )
    assert.deepEqual(seqs(await reader.backlog.page('orders', 0, 10)), [1, 2])
    await reader.close()
    await beats(rig, [one, two])
    assert.equal(one.owned.length + two.owned.length, rig.partitions, 'a reader has no share')
  })
}

function testRefusals(declare: DeclareShared): void {
  declare('refuses another count of partitions, and names both', async (rig) => {
    await engine(rig)
    await assert.rejects(rig.joinWith(rig.partitions + 1), (error) => {
      assert.ok(isLinkspanError(error, 'CONFIG_INVALID'))
      assert.match(error.message, new RegExp(`\\b${rig.partitions}\\b`))
      assert.match(error.message, new RegExp(`\\b${rig.partitions + 1}\\b`))
      return true
    })
  })

  declare(
    'refuses an engine that has none of the flows of those that live, and names theirs',
    async (rig) => {
      const flows = (...names: string[]) => new Map(names.map((name) => [name, 'v1']))
      const one = await engine(rig, { flows: flows('orders', 'invoices') })
      await assert.rejects(rig.join(flows('tickets')), (error) => {
        assert.ok(isLinkspanError(error, 'JOURNAL_IN_USE'))
        assert.match(error.message, /orders/)
        assert.match(error.message, /invoices/)
        return true
      })
      const two = await engine(rig, { flows: flows('tickets', 'invoices') })
      await one.journal.close()
      await two.journal.close()
      await engine(rig, { flows: flows('mails') })
    },
  )

  declare(
    'takes in an engine whose flow the others know under another name, and shows its names',
    async (rig) => {
      const one = await engine(rig, { flows: new Map([['orders', 'v1']]) })
      const two = await engine(rig, {
        flows: new Map([['sales', 'v2']]),
        formerNames: new Map([['orders', 'sales']]),
      })
      const { members } = await two.ownership.survey()
      const shown = members.map(({ member, flows, formerNames }) => [member, flows, formerNames])
      assert.deepEqual(shown, [
        [one.member, { orders: 'v1' }, undefined],
        [two.member, { sales: 'v2' }, { orders: 'sales' }],
      ])
      await one.journal.close()
      await engine(rig, { flows: new Map([['orders', 'v1']]) })
      await assert.rejects(rig.join(new Map([['tickets', 'v1']])), (error) =>
        isLinkspanError(error, 'JOURNAL_IN_USE'),
      )
    },
  )

  declare('says of an engine that was fenced that nothing it does counts any more', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const found = async () => {
      const { members } = await two.ownership.survey()
      return members.find(({ member }) => member === one.member)
    }
    assert.equal((await found())?.fenced, undefined)
    await one.pause()
    await rig.until(async () => (await found())?.fenced === true)
    assert.equal((await found())?.state, 'dead')
  })
}
