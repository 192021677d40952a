/**
 * Makes a command take effect once for each mark: Redis runs a script with nothing in between, so that the effect and
 * the mark are there both, or neither.
 *
 * `KEYS`: what the command writes, the mark. `ARGV`: how long the mark is kept in milliseconds, the command's name, what
 * follows its key. The answer is a text: empty where the command did nothing, and then no mark is kept.
 */
export const ONCE = `local known = redis.call('GET', KEYS[2])
if known then return known end
local made = redis.call(ARGV[2], KEYS[1], unpack(ARGV, 3))
if not made then return '' end
if type(made) == 'table' then made = made['ok'] end
redis.call('SET', KEYS[2], tostring(made), 'PX', ARGV[1])
return tostring(made)`

/** Where the mark of a call lies: a key of its own, which Redis forgets in its time. */
export function markKey(target: string, mark: string): string {
  return `linkspan:mark:{${target}}:${mark}`
}
