/** A process that migrates between two FileStores and reports each page, until it is done or killed. */
import { migrateStore } from '../../lib/stores/migrate'
import { FileStore } from '../../samples/own-store/file-store'

async function main([from, to, token]: string[]): Promise<void> {
  const counts = await migrateStore(new FileStore(from), new FileStore(to), {
    page: 25,
    onProgress: (progress) => void process.send?.({ token: progress.token }),
    ...(token !== '' && { resumeFrom: token }),
  })
  process.send?.({ counts }, () => process.disconnect())
}

void main(process.argv.slice(2))
