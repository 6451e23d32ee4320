/** A process that has decisions taken over a pool of connections, once it is told to, and says how many passed. */
import { RedisStore } from '../../../lib/stores/redis'
import { limitOf, requestOf } from '../../../lib/testing/contract/requests'

export interface PoolOrder {
  readonly decisions: number
  readonly limit: number
}

const [url, pool] = process.argv.slice(2)
const store = new RedisStore(url, { pool: Number(pool), timeout: '20s', batch: 16 })

process.on('message', ({ decisions, limit }: PoolOrder) => {
  const limits = [limitOf({ limit })]
  const decide = async () => store.decide(requestOf('sentinel:pool', { limits }))
  void Promise.all(Array.from({ length: decisions }, decide)).then(async (taken) => {
    process.send?.(taken.filter(({ reason }) => reason === undefined).length)
    await store.close()
    process.disconnect()
  })
})

void store.connect().then(() => process.send?.('ready'))
