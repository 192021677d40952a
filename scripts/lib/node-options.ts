import { arch, platform } from 'node:process'

/**
 * V8 loses track of its own pages of code now and then where the processor has memory protection keys, and ends the
 * process ("Check failed: jit_page.has_value()", archestra-ai/archestra#6177, nodejs/node#64500). Only this processor has
 * them, and only there is the option sure to be known.
 */
const STEADY: readonly string[] =
  platform === 'linux' && arch === 'x64' ? ['--no-memory-protection-keys'] : []

/** How Node runs the project's own programs: from the sources of its packages, and steadily. */
export const NODE_OPTIONS: readonly string[] = ['--conditions=source', ...STEADY]
