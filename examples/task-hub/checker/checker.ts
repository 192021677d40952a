import { parseArgs } from 'node:util'
import { readEvidence, readRun } from './evidence.ts'
import { judge } from './ledger.ts'
import { printJudgement } from './print.ts'

const HELP = 'Usage: node checker.ts --logs FOLDER [--kills N] [--in-flight N] [--json]'

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      logs: { type: 'string' },
      kills: { type: 'string', default: '0' },
      'in-flight': { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.logs === undefined) throw new Error(`--logs is missing. ${HELP}`)
  const demands = { kills: Number(values.kills), inFlight: Number(values['in-flight']) }
  const judgement = judge(await readEvidence(values.logs), await readRun(values.logs), demands)
  console.log(printJudgement(judgement))
  if (values.json) console.log(JSON.stringify(judgement.ledger))
  return judgement.balanced ? 0 : 1
}

process.exitCode = await main()
