/**
 * A process with memory behind a Redis: bans users 1, 2, 3, … and tells of each once it is done, until it is killed. With
 * nobody to ban it tells when Redis serves, and ends.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { failover } from '../../lib/stores/failover'
import { Blocks } from '../../lib/stores/records'

export interface FailoverWord {
  readonly connected?: true
  readonly failed?: string
  readonly banned?: number
  readonly status?: string
}

async function main([url, file, space, bans]: string[]): Promise<void> {
  const tell = (word: FailoverWord): void => void process.send?.(word)
  const store = failover([url, 'memory'], { journal: { file } })
  try {
    await store.connect()
  } catch (error) {
    tell({ failed: (error as Error).message })
    return process.disconnect?.()
  }
  tell({ connected: true })
  if (bans !== 'bans') {
    // While a long journal is carried over, memory serves.
    while ((await store.health()).status !== 'ok') await sleep(10)
    tell({ status: 'ok' })
    await store.close()
    return process.disconnect?.()
  }
  const blocks = new Blocks(store, space, Date.now)
  for (let userId = 1; ; userId++) {
    await blocks.add(userId)
    if (userId % 10 === 0) await blocks.remove(userId - 5)
    tell({ banned: userId })
    await sleep(2)
  }
}

void main(process.argv.slice(2))
