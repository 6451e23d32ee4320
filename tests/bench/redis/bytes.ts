import { clientOf } from './peers'

/** Bytes of all keys with their values, as the server counts them. */
export async function bytesOfAll(url: string): Promise<number> {
  const client = await clientOf(url)
  let bytes = 0
  for await (const keys of client.scanIterator({ COUNT: 1_000 })) {
    for (const used of await Promise.all(keys.map((key) => client.memoryUsage(key, { SAMPLES: 0 })))) {
      bytes += used ?? 0
    }
  }
  await client.close()
  return bytes
}
