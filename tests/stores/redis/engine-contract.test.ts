import { RedisStore } from '../../../lib/stores/redis'
import { storeContract } from '../../../lib/testing/store-contract'
import { startRedis } from '../../support/servers/redis'
import type { RedisServer } from '../../support/servers/redis'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

storeContract('RedisStore', () => new RedisStore(server.url))
