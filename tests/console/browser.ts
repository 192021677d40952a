import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A Chromium of this machine; CHROMIUM names another. Null where there is none: said on stderr, so that nobody takes the tests for run. */
export function chromiumHere(): string | null {
  const named = process.env['CHROMIUM']
  const found = named ?? PLACES.find((place) => existsSync(place)) ?? null
  if (found === null)
    console.error(
      '\nTHE CONSOLE WAS NOT TESTED: there is no Chromium. Install one (Debian: apt-get install chromium), or name it by CHROMIUM.\n',
    )
  return found
}

/** Starts it. Inside of a container it has no sandbox of its own. */
export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
}

/** What the browser complained of on a page: errors of scripts, and what the policy forbade. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (line) => {
    if (line.type() === 'error') complaints.push(line.text())
  })
  return complaints
}
