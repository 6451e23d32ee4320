/** Measures the one task that it is given as its argument, and sends the numbers to its parent. */
import { suiteOf } from './suites'
import type { Task } from './suite'

async function work(task: Task): Promise<void> {
  const values = await suiteOf(task.suite).measure(task)
  // Some peers keep a timer that would hold the process.
  process.send?.(values, () => process.exit(0))
}

work(JSON.parse(process.argv[2]) as Task).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
