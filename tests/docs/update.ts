import { update } from '../../scripts/lib/blocks.ts'
import { generated, measured } from './generated.ts'
import { beginMissingPages } from './patterns.ts'

beginMissingPages()
for (const each of [...generated, ...measured]) {
  update(each)
  console.log(each.block === null ? each.file : `${each.file}: ${each.block}`)
}
