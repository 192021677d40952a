import type { ByKey, Natural, NoGuarantee } from '../../model/guarantee.ts'

/** What an effect may promise about being repeated. */
export type EffectGuarantee = ByKey | Natural | NoGuarantee

/** What is promised where nothing is stated: a repeated call is known by its mark for two weeks. */
export const REMEMBERED: ByKey = { kind: 'key', validFor: '14d' }
