import { update } from './blocks.ts'
import { generated, measured } from './generated.ts'

for (const each of [...generated, ...measured]) {
  update(each)
  console.log(each.block === null ? each.file : `${each.file}: ${each.block}`)
}
