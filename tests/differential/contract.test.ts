/** What the sentinel expects of any store, of each that has a server or an engine of its own. */
import { storeContract } from '../../lib/testing/store-contract'
import { nativeStores, openStore } from '../support/stores'

const seed = Date.now() % 1_000_000

for (const under of nativeStores()) {
  describe(`on ${under.name}`, () => {
    beforeAll(() => under.start(), 120_000)
    afterAll(() => under.stop())

    storeContract(under.name, () => openStore(under.address()), { seed })
  })
}
