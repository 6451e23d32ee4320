/** A process that registers users `from` to `to` in a FileStore. */
import { Registrations } from '../../lib/stores/records'
import { FileStore } from '../../samples/own-store/file-store'

async function main([folder, from, to]: string[]): Promise<void> {
  const store = new FileStore(folder)
  await store.connect()
  const ids = Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
  await new Registrations(store, 'test:bulk', Date.now).addMany(ids)
}

void main(process.argv.slice(2))
