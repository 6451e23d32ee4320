import { Order, type Ordered } from '../../../lib/stores/layered/order'
import { randomOf } from '../../../lib/testing/contract/random'

class Item implements Ordered<Item> {
  listed = false
  older: Item | undefined
  newer: Item | undefined

  constructor(readonly name: number) {}
}

const SEED = Number(process.env.FC_SEED ?? Date.now() % 1_000_000)

test(`at random it is what a Set would be (FC_SEED=${SEED})`, () => {
  const random = randomOf(SEED)
  const items = Array.from({ length: 12 }, (_, name) => new Item(name))
  const order = new Order<Item>()
  const wanted = new Set<Item>()
  for (let step = 0; step < 5_000; step++) {
    const item = items[random.below(items.length)]
    if (random.below(3) === 0) {
      expect(order.delete(item)).toBe(wanted.delete(item))
    } else {
      order.touch(item)
      wanted.delete(item)
      wanted.add(item)
    }
    expect([...order]).toEqual([...wanted])
    expect(order.oldest).toBe([...wanted].at(0))
    expect(items.filter(({ listed }) => listed).length).toBe(wanted.size)
  }
})

test('each may be deleted when it is met, and nothing of it stays behind', () => {
  const items = Array.from({ length: 5 }, (_, name) => new Item(name))
  const order = new Order<Item>()
  for (const item of items) order.touch(item)
  const met: number[] = []
  for (const item of order) {
    met.push(item.name)
    if (item.name !== 2) order.delete(item)
  }
  expect([met, [...order].map(({ name }) => name)]).toEqual([[0, 1, 2, 3, 4], [2]])
  for (const { older, newer } of items) expect([older, newer]).toEqual([undefined, undefined])
  expect(order.delete(items[2])).toBe(true)
  expect([order.oldest, [...order]]).toEqual([undefined, []])
})
