/** A process that answers the first message it hears with a hundred, and then has nothing more to do. */
import { PostgresStore } from '../../../lib/stores/postgres'

const [url, schema] = process.argv.slice(2)
const store = new PostgresStore(url, { schema, timeout: '5s' })
let answered = false
const channel = store.openChannel({
  message(text) {
    if (answered) return
    answered = true
    for (let n = 0; n < 100; n++) void channel?.send(`got ${text} ${n}`)
  },
  connected: () => process.send?.('connected'),
  lost: (error) => {
    throw error
  },
})
// Its owner ends it by letting go of it; a listener for that holds the process until then.
process.on('message', () => undefined)
