import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { Deadline } from '../lib/deadline'

function beBusy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('on a clock that a test moves', () => {
  beforeEach(() => jest.useFakeTimers())
  afterEach(() => jest.useRealTimers())

  test('it is there to the millisecond, and in the turn in which it is due', () => {
    const passed = jest.fn()
    new Deadline(200, passed)
    jest.advanceTimersByTime(199)
    expect(passed).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(passed).toHaveBeenCalledTimes(1)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('cleared, it does not come', () => {
    const passed = jest.fn()
    new Deadline(200, passed).clear()
    jest.advanceTimersByTime(1_000)
    expect(passed).not.toHaveBeenCalled()
  })
})

describe('after the process was busy', () => {
  let sockets: Socket[]

  beforeEach(async () => {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const reader = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [[writer]] = (await Promise.all([once(server, 'connection'), once(reader, 'connect')])) as [
      [Socket],
      unknown,
    ]
    server.close()
    sockets = [reader, writer]
  })
  afterEach(() => sockets.forEach((socket) => socket.destroy()))

  test('what has arrived is read first, and a timer of Node would not wait for it', async () => {
    const [reader, writer] = sockets
    const order: string[] = []
    reader.on('data', () => order.push('data'))
    const over = new Promise<void>((resolve) => {
      new Deadline(20, () => resolve(void order.push('deadline')))
      setTimeout(() => order.push('timer'), 20)
    })
    writer.write('answer')
    beBusy(60)
    await over
    expect(order).toEqual(['timer', 'data', 'deadline'])
  })

  test('and if it is what was waited for, the deadline does not come', async () => {
    const [reader, writer] = sockets
    const passed = jest.fn()
    const deadline = new Deadline(20, passed)
    reader.on('data', () => deadline.clear())
    writer.write('answer')
    beBusy(60)
    await sleep(10)
    expect(passed).not.toHaveBeenCalled()
  })

  test('where nothing has arrived, it comes in the same turn of the loop', async () => {
    const order: string[] = []
    const over = new Promise<void>((resolve) => {
      setTimeout(() => {
        order.push('timer')
        setImmediate(() => order.push('turn'))
      }, 20)
      new Deadline(20, () => resolve(void order.push('deadline')))
      setTimeout(() => setImmediate(() => order.push('turn')), 20)
    })
    beBusy(60)
    await over
    await turn()
    expect(order).toEqual(['timer', 'turn', 'deadline', 'turn'])
  })
})
