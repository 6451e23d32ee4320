/**
 * `npm run demo`: a guarded bot holds off a flood. With no settings it talks to a Telegram in this process and ends by
 * itself; with BOT_TOKEN set, the same bot runs on the real one until it is interrupted.
 */
import { live } from './live'
import { show } from './show'

// `npm run demo | head` closes our output early.
process.stdout.on('error', () => process.exit(0))

const token = process.env.BOT_TOKEN
const demo = token ? live(token, process.stdout) : show(process.stdout)
demo.catch((error: Error) => {
  process.stderr.write(`The demo failed: ${error.message}\n`)
  process.exitCode = 1
})
