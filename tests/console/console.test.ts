import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildConsole, consoleIsCurrent } from '../../scripts/lib/console-build.ts'
import { root } from '../../scripts/lib/files.ts'
import { chromiumHere, complaintsOf, startBrowser } from './browser.ts'
import { type Hub, issue, release, startHub } from './hub.ts'

const chromium = chromiumHere()
const MOST_SCRIPT = 250 * 1_024
const PATIENCE_MS = 120_000

beforeAll(async () => {
  if (!consoleIsCurrent()) expect(await buildConsole()).toBeNull()
})

it('loads at most 250 kB of script at first, and what draws diagrams later', () => {
  const folder = join(root, 'packages', 'linkspan', 'dist', 'console')
  const page = readFileSync(join(folder, 'index.html'), 'utf8')
  const scripts = [...page.matchAll(/(?:src|href)="\.\/([^"]+\.js)"/g)].map(([, file = '']) => file)
  expect(scripts.length).toBeGreaterThan(0)
  const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0)
  expect(bytes).toBeLessThan(MOST_SCRIPT)
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=|https?:/)
})

const HOSTILE = '<img src=x onerror="window.taken=1"><script>window.taken=1</script> \u202e\u0000 שלום'

describe.skipIf(chromium === null)('the console of the running task hub', () => {
  let hub: Hub
  let browser: Browser
  let page: Page
  let complaints: readonly string[]
  const dead: string[] = []
  let hostile = ''
  let large = ''

  beforeAll(async () => {
    hub = await startHub(6, 7)
    for (const number of [1, 2, 3])
      dead.push(await hub.webhook('issues', `dead ${number}`, issue(number, 42)))
    hostile = await hub.webhook('issues', 'hostile', issue(4, [HOSTILE]))
    large = await hub.webhook('issues', 'large', issue(5, { text: `${HOSTILE}${'x'.repeat(5_000_000)}` }))
    for (let n = 0; n < 24; n++) await hub.webhook('release', `release ${n}`, release(`v${n}`))
    await settled(hub)
    browser = await startBrowser(chromium ?? '')
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    complaints = complaintsOf(page)
    await page.goto(hub.link)
  })

  afterAll(async () => {
    await browser?.close()
    await hub?.close()
  })

  it('shows at first what needs a person, the doubts before the dead letters, and how the flows go', async () => {
    const rows = page.getByRole('region', { name: 'Needs a person' }).locator('[data-row]')
    await rows.first().waitFor()
    const texts = await rows.allInnerTexts()
    const firstDead = texts.findIndex((text) => text.includes('dead letter'))
    const lastDoubt = texts.findLastIndex((text) => text.includes('in doubt'))
    expect(lastDoubt).toBeGreaterThanOrEqual(0)
    expect(firstDead).toBeGreaterThan(lastDoubt)
    expect(texts.join('\n')).toContain('3 dead letters')
    await page
      .getByRole('region', { name: 'Flows', exact: true })
      .getByRole('link', { name: 'tell subscribers' })
      .waitFor()
    expect(page.url()).not.toContain('token')
  })

  it('leads from there to the message, its cause, and its repair', async () => {
    await page.getByRole('link', { name: /3 dead letters/ }).click()
    await page
      .getByRole('region', { name: 'The group', exact: true })
      .getByText('expected string, received number')
      .waitFor()
    const [wrong = ''] = dead
    await page.getByRole('link', { name: wrong }).click()
    await page.getByRole('button', { name: 'Edit and redeliver' }).click()
    const body = page.getByLabel('Body, as JSON')
    await body.fill((await body.inputValue()).replace('"title": 42', '"title": "It leaks"'))
    await page.getByLabel(/^Note/).fill('the title was a number')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.waitForURL((url) => url.hash.startsWith('#/messages/') && !url.hash.includes(wrong))
    await page
      .getByRole('region', { name: 'The message', exact: true })
      .getByText(/^✓\s*done$/)
      .waitFor()
    expect((await hub.admin.trace(wrong)).message.state).toBe('dropped')
    await page.getByRole('button', { name: /board/ }).click()
    await page.getByRole('region', { name: 'The step', exact: true }).getByText('It leaks').first().waitFor()
  })

  it('redelivers a group at a rate, and can be stopped', async () => {
    await page.goto(`${new URL(hub.link).origin}/_linkspan/console/#/attention`)
    await page.getByRole('link', { name: /2 ×.*expected string, received number/s }).click()
    await page.getByRole('button', { name: 'Redeliver (all 2)' }).click()
    await page.getByLabel('At most so many a second').fill('1')
    await page.getByLabel(/^Note/).fill('once more')
    // The first is under way until it was asked to stop.
    const stopped = Promise.withResolvers<void>()
    await page.route('**/redeliver', async (route) => {
      await stopped.promise
      await route.continue()
    })
    await page.getByRole('dialog').getByRole('button', { name: 'Redeliver' }).click()
    await page.getByRole('button', { name: 'Stop' }).click()
    stopped.resolve()
    const said = await page.getByRole('status').innerText()
    expect(said).toMatch(/^Stopped\. 1 of 2 done/)
    await page.unroute('**/redeliver')
    await page.getByRole('button', { name: 'Close' }).click()
    const notes = (await Promise.all(dead.slice(1).map((id) => hub.admin.trace(id)))).flatMap(
      (trace) => trace.notes,
    )
    expect(notes.filter(({ note }) => note === 'once more')).toHaveLength(1)
  })

  it('resolves a doubt, with a note', async () => {
    const { groups } = await hub.admin.causes()
    const doubt = groups.find(({ state }) => state === 'inDoubt')?.ids[0] ?? ''
    await page.goto(`${new URL(hub.link).origin}/_linkspan/console/#/messages/${doubt}`)
    await page.getByRole('button', { name: 'It took effect' }).click()
    await page.getByLabel(/^Note/).fill('it is in the chat')
    await page.getByRole('dialog').getByRole('button', { name: 'It took effect' }).click()
    await page.getByText('1 of 1 done.').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('region', { name: 'Notes' }).getByText('applied: it is in the chat').waitFor()
    await page
      .getByRole('region', { name: 'The message', exact: true })
      .getByText(/^✓\s*done$/)
      .waitFor()
  })

  it('finds messages by key, state and index field', async () => {
    await page.goto(`${new URL(hub.link).origin}/_linkspan/console/#/messages`)
    await page.getByLabel('Id or key of a message').fill('o/r#4')
    await page.keyboard.press('Enter')
    await page.waitForURL(/key=/)
    await expect.poll(() => page.locator('main tbody tr').count(), { timeout: PATIENCE_MS }).toBe(1)
    await page.getByLabel('Id or key of a message').fill('')
    await page.keyboard.press('Enter')
    await page.getByLabel('Flow').selectOption('github')
    await page.getByLabel('Index field repository').fill('o/v3')
    await page.keyboard.press('Enter')
    await page.waitForURL(/index.repository/)
    await expect.poll(() => page.locator('main tbody tr').count(), { timeout: PATIENCE_MS }).toBe(1)
    await page.getByLabel('Id or key of a message').fill(dead[0] ?? '')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: dead[0] ?? '' }).waitFor()
  })

  it('shows a body as text, whatever is in it', async () => {
    for (const id of [hostile, large]) {
      await page.goto(`${new URL(hub.link).origin}/_linkspan/console/#/messages/${id}`)
      await page.getByRole('heading', { name: id }).waitFor()
      await page.getByLabel('Body before').getByText('<img src=x onerror=').waitFor()
      expect(await page.getByLabel('Body before').innerText()).toContain('\\u202e')
    }
    await page
      .getByText(/20 000 of 5 000 \d+ characters/)
      .first()
      .waitFor()
    expect(await page.evaluate("'taken' in window")).toBe(false)
    expect(await page.locator('main img').count()).toBe(0)
  })

  it('draws a flow, and pauses and resumes it', async () => {
    await page.goto(`${new URL(hub.link).origin}/_linkspan/console/#/flows/github`)
    await page.locator('.react-flow__node', { hasText: 'announce' }).click()
    await page
      .getByRole('region', { name: 'The step', exact: true })
      .getByText('what it leads to/release/announce')
      .waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    expect((await hub.admin.flows()).find(({ name }) => name === 'github')?.paused).toBe(true)
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
  })

  it('goes by the keyboard', async () => {
    await page.locator('body').press('g')
    await page.keyboard.press('a')
    await page.getByRole('region', { name: 'Groups' }).locator('[data-row]').first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'The group', exact: true }).waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Go to' }).fill('tell sub')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'tell subscribers' }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('next, last of the list').waitFor()
    await page.keyboard.press('Escape')
  })

  it('asks for the token again when it is not the one', async () => {
    const other = await (await browser.newContext()).newPage()
    await other.goto(hub.link.replace(/token=.*/, 'token=wrong'))
    await other.getByRole('alert').getByText('UNAUTHENTICATED').waitFor({ timeout: PATIENCE_MS })
    await other
      .getByLabel('Token')
      .fill(new URLSearchParams(new URL(hub.link).hash.slice(1)).get('token') ?? '')
    await other.getByRole('button', { name: 'Sign in' }).click()
    await other.getByRole('region', { name: 'Flows', exact: true }).waitFor({ timeout: PATIENCE_MS })
    await other.context().close()
  })

  it('gave the browser nothing to complain of', () => {
    expect(complaints).toEqual([])
  })
})

/** Waits until nothing is on its way any longer. */
async function settled({ admin }: Hub): Promise<void> {
  const isQuiet = async (): Promise<void> => {
    const { items } = await admin.messages({ states: ['active', 'waiting'], limit: 1 })
    if (items.length > 0) throw new Error(`${items[0]?.id} is still on its way.`)
  }
  await vi.waitFor(isQuiet, { timeout: PATIENCE_MS, interval: 100 })
}
