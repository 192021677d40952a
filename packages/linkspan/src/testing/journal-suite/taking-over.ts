import assert from 'node:assert/strict'
import { isLinkspanError } from '../../model/errors.ts'
import { type DeclareShared, type Engine, engine, engines, home, seen, shared, the } from './engines.ts'
import { ending, newMessage, seqs, wait } from './harness.ts'

const takenOver = (error: unknown): boolean => isLinkspanError(error, 'JOURNAL_TAKEN_OVER')

/** What becomes of the share of an engine that dies, or sleeps too long. */
export function testTakingOver(declare: DeclareShared): void {
  declare('grants what a dead engine owned when its lease has run out, and not before', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const theirs = one.owned
    await one.accept({ partition: home(one) })
    await two.accept({ partition: home(two) })
    await one.crash()
    const { leaseUntil } = await seen(two, one.member)
    await rig.until(() => two.owned.length === rig.partitions)
    const { now } = await two.ownership.survey()
    assert.ok(now >= leaseUntil, `taken over at ${now}, where the lease ran until ${leaseUntil}`)
    assert.deepEqual(
      two.grants
        .filter(({ died }) => died !== null)
        .map(({ partition }) => partition)
        .sort((a, b) => a - b),
      theirs,
    )
    for (const { died } of two.grants)
      if (died !== null) assert.deepEqual(died, { member: one.member, upTo: 2 })
    const dead = await seen(two, one.member)
    assert.deepEqual([dead.state, dead.partitions], ['dead', []])
  })

  declare('says of each partition what ran there when its owner died, until it is recovered', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const [first = 0, second = 0] = one.owned
    await one.accept({ partition: first }, { partition: second }, { partition: first }, { partition: first })
    await one.commit({ settle: [ending(3)], waits: [wait(4)] })
    await two.accept({ partition: home(two) })
    await one.crash()
    await takenOverBy(rig, two)
    assert.deepEqual(seqs(await two.journal.backlog.unsettled(0, 10)), [1, 2], 'not what runs here')
    assert.deepEqual(seqs(await two.journal.backlog.unsettled(0, 1)), [1])
    assert.deepEqual(seqs(await two.journal.backlog.unsettled(1, 10)), [2])
    await two.accept({ partition: second })
    assert.deepEqual(
      seqs(await two.journal.backlog.unsettled(0, 10)),
      [1, 2],
      'nor what began after the death',
    )
    await two.commit({ waits: [wait(1)] })
    await two.ownership.recovered([first])
    assert.deepEqual(seqs(await two.journal.backlog.unsettled(0, 10)), [2])
    await two.commit({ waits: [wait(2)] })
    await two.ownership.recovered([second])
    await two.accept({ partition: first }, { partition: second })
    assert.deepEqual(await two.journal.backlog.unsettled(0, 10), [], 'what runs here is nobody’s to recover')
  })

  declare('keeps what ran for the next heir when one dies before it has recovered', async (rig) => {
    const [one, two, three] = await engines(rig, 3)
    await one.accept({ partition: home(one) })
    await one.crash()
    const [partition] = [home(one)]
    await rig.until(() => two.ownership.owned.has(partition) || three.ownership.owned.has(partition))
    const [heir, other] = two.ownership.owned.has(partition) ? [two, three] : [three, two]
    await heir.commit({ lowWater: 2 })
    await heir.accept({ partition: heir.owned.find((own) => own !== partition) as number })
    await heir.crash()
    await rig.until(() => other.owned.length === rig.partitions)
    assert.deepEqual(seqs(await other.journal.backlog.unsettled(0, 10)), [1, 2])
    const grant = other.grants.filter((one) => one.partition === partition).at(-1)
    assert.deepEqual(grant?.died, { member: one.member, upTo: 2 }, 'the one which ran it')
  })

  declare('keeps what ran when a partition is given back before it was recovered', async (rig) => {
    const one = await engine(rig)
    const partition = home(one)
    await one.accept({ partition })
    await one.crash()
    const two = await engine(rig)
    await rig.until(() => two.owned.length === rig.partitions)
    await two.giveBack([partition])
    const three = await engine(rig)
    await rig.until(() => three.ownership.owned.has(partition))
    assert.deepEqual(seqs(await three.journal.backlog.unsettled(0, 10)), [1])
  })

  declare('leaves to others what still runs when an engine closes', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const [busy = 0, idle = 0] = one.owned
    await one.accept({ partition: busy }, { partition: idle, ready: true })
    await one.journal.close()
    await rig.until(() => two.owned.length === rig.partitions)
    assert.deepEqual(grantOf(two, busy).died, { member: one.member, upTo: 2 })
    assert.deepEqual(seqs(await two.journal.backlog.unsettled(0, 10)), [1])
    assert.deepEqual(seqs(await two.journal.backlog.page('orders', 0, 10)), [2])
  })

  declare('says at opening that an engine died, and not of one that closed', async (rig) => {
    const one = await engine(rig)
    await one.accept({ partition: home(one) })
    await one.commit({ settle: [ending(1)], lowWater: 2 })
    await one.journal.close()
    const two = await engine(rig)
    assert.deepEqual(two.journal.opened, { crashed: false, lastSeq: 1, historySize: 1 })
    await two.accept({ partition: home(two), ready: true })
    await two.crash()
    const reader = await rig.read()
    await rig.until(async () => {
      const { members } = await reader.ownership.survey()
      return members.some(({ member, state }) => member === two.member && state === 'dead')
    })
    await reader.close()
    const three = await engine(rig)
    assert.deepEqual(three.journal.opened, { crashed: true, lastSeq: 2, historySize: 1 })
    assert.deepEqual(seqs(await three.journal.backlog.page('orders', 0, 10)), [2])
  })

  declare('writes nothing of an engine that was taken over, and tells it so once', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const partition = home(one)
    await one.accept({ partition })
    await one.pause()
    await takenOverBy(rig, two)
    assert.equal(one.ownership.holds(), false, 'its own clock says that its lease is over')
    await one.wake()
    const zombie = {
      accept: [newMessage({ partition, ready: true })],
      waits: [wait(1)],
      cursors: [{ name: 'c', value: 'zombie' }],
    }
    await assert.rejects(one.commit(zombie), takenOver)
    await assert.rejects(one.commit({ settle: [ending(1)] }), takenOver)
    assert.equal(the(await two.journal.messages.load([1, 2])).wait, null)
    assert.equal(await two.journal.cursors.get('c'), null)
    await rig.until(() => one.lost.length > 0)
    assert.deepEqual(one.lost, ['JOURNAL_TAKEN_OVER'])
    assert.deepEqual(one.owned, [])
    assert.equal(one.ownership.holds(), false)
    assert.deepEqual(await two.accept({ partition: home(two) }), [2])
    await assert.rejects(one.ownership.recovered([partition]), takenOver)
  })

  declare('tells an engine that was taken over so also where it writes nothing', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.pause()
    await takenOverBy(rig, two)
    await one.wake()
    await rig.until(() => one.lost.length > 0)
    assert.deepEqual(one.lost, ['JOURNAL_TAKEN_OVER'])
    assert.deepEqual(two.lost, [])
  })

  declare('takes nothing back for an engine that was taken over', async (rig) => {
    const [one, two] = await engines(rig, 2)
    const [partition] = [home(one)]
    await one.pause()
    await takenOverBy(rig, two)
    await one.wake()
    one.ownership.retire([partition])
    await assert.rejects(one.ownership.release([partition]), Error)
    await one.journal.close()
    assert.equal((await seen(two, two.member)).partitions.length, rig.partitions)
    assert.equal((await seen(two, one.member)).state, 'dead')
  })

  declare('lets an engine go on whose lease ran out where nobody took over', async (rig) => {
    const one = await engine(rig)
    await one.pause()
    await rig.until(() => !one.ownership.holds())
    await one.wake()
    assert.deepEqual(await one.accept({ partition: home(one) }), [1])
    await rig.until(() => one.ownership.holds())
    assert.equal(one.owned.length, rig.partitions)
    assert.deepEqual(one.lost, [])
  })

  declare('lets an engine that was taken over join again', async (rig) => {
    const [one, two] = await engines(rig, 2)
    await one.pause()
    await takenOverBy(rig, two)
    await two.ownership.recovered(two.owned)
    await one.wake()
    await one.journal.close()
    const again = await engine(rig)
    assert.ok(again.member > two.member)
    await shared(rig, [two, again])
    assert.deepEqual(
      again.grants.filter(({ died }) => died !== null),
      [],
    )
  })

  declare('shares out what a dead engine owned among those that live', async (rig) => {
    const [one, two, three] = await engines(rig, 3)
    await one.crash()
    await shared(rig, [two, three])
  })
}

async function takenOverBy(rig: Parameters<typeof shared>[0], heir: Engine): Promise<void> {
  await rig.until(() => heir.owned.length === rig.partitions)
}

function grantOf({ grants }: Engine, partition: number): Engine['grants'][number] {
  return the(grants.filter((grant) => grant.partition === partition))
}
