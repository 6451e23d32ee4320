/** Lua: short names for what every script uses, and the time by which garbage is collected. */
export const HEAD = `
local spread, call, pack, unpack = unpack, redis.call, struct.pack, struct.unpack
local sub, find, rep, concat = string.sub, string.find, string.rep, table.concat
local floor, ceil, huge = math.floor, math.ceil, math.huge
local KEYS, ARGV, pcall, error = KEYS, ARGV, pcall, error
local MINUTE, DAY = 60000, 86400000
local clock = call('TIME')
local realSeconds = clock[1] + 0
local real = realSeconds * 1000 + floor(clock[2] / 1000)
`
