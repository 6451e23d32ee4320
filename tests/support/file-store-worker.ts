/** A process that hits one limit in a FileStore: reports how many hits passed, or goes on until it is killed. */
import { FileStore } from '../../samples/own-store/file-store'
import { decide, limitOf } from '../../lib/testing/contract/requests'

async function main([folder, hits]: string[]): Promise<void> {
  const store = new FileStore(folder)
  await store.connect()
  const limits = [limitOf({ limit: 40, window: 3_600_000, scope: 'global' })]
  let passed = 0
  process.send?.({ ready: true })
  for (let left = Number(hits); left > 0; left -= 10) {
    const batch = await Promise.all(Array.from({ length: 10 }, () => decide(store, 'test:file', { limits })))
    passed += batch.filter(({ reason }) => reason === undefined).length
    process.send?.({ passed })
  }
  process.disconnect?.()
}

void main(process.argv.slice(2))
