import { ENDINGS, SINKS } from '../protocol.ts'
import type { Judgement } from './ledger.ts'

const CASES_SHOWN = 5
const GUARANTEES = { board: 'natural', bugs: 'key', subscribers: 'verify', chat: 'none' } as const

/** The judgement for people: the ledger, what the simulators saw, and each rule that was broken. */
export function printJudgement(judgement: Judgement): string {
  return [...ledgerTable(judgement), '', ...sinkTable(judgement), '', ...verdict(judgement)].join('\n')
}

function ledgerTable({ ledger, unknownOutcomes, resolved }: Judgement): string[] {
  const sum = ENDINGS.reduce((total, ending) => total + ledger[ending], 0)
  const { atChat, byKills } = unknownOutcomes
  const { asApplied, sentAgain } = resolved
  const endings = ENDINGS.map((ending) => row(`  ${ending}`, ledger[ending]))
  return [
    row('accepted', ledger.accepted),
    ...endings,
    row('sum of the endings', sum),
    row('lost', ledger.lost),
    row('doubled', ledger.doubled),
    row('out of order', ledger.outOfOrder),
    row('unknown outcomes', atChat + byKills, `${atChat} left by the chat, ${byKills} by kills alone`),
    row('doubts resolved', asApplied + sentAgain, `${asApplied} as applied, ${sentAgain} sent again`),
    row('kills', ledger.kills),
    row('seed', ledger.seed),
    row('seconds', ledger.seconds),
  ]
}

function row(name: string, value: number, note = ''): string {
  return `${name.padEnd(22)}${String(value).padStart(10)}${note === '' ? '' : `   ${note}`}`
}

function sinkTable({ sinks }: Judgement): string[] {
  const columns = ['requests', 'effects', 'harmless', 'faults', 'unknown'] as const
  const head = `${'simulator'.padEnd(22)}${columns.map((column) => column.padStart(10)).join('')}`
  const rows = SINKS.map((sink) => {
    const name = `${sink} (${GUARANTEES[sink]})`.padEnd(22)
    return `${name}${columns.map((column) => String(sinks[sink][column]).padStart(10)).join('')}`
  })
  return [head, ...rows]
}

function verdict({ balanced, findings }: Judgement): string[] {
  if (balanced) return ['The ledger balances.']
  const lines = findings.flatMap(({ rule, cases }) => [
    `  ${rule}: ${cases.length}`,
    ...cases.slice(0, CASES_SHOWN).map((each) => `    ${each}`),
    ...(cases.length > CASES_SHOWN ? [`    … and ${cases.length - CASES_SHOWN} more`] : []),
  ])
  return ['The ledger does not balance:', ...lines]
}
