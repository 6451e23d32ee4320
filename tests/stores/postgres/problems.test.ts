import { storeErrorOf, whereOf } from '../../../lib/stores/postgres/problems'

const SECRET = 'se@kr/et'

test.each([
  [`postgres://bot:${SECRET}@localhost:5432/db`],
  [`postgres://bot:${SECRET}@/db?host=/tmp/socket`],
  [`postgres://bot@/db?host=/tmp/socket&password=${SECRET}`],
  [`postgres://bot:sekret@localhost/db`],
])('%s is shown without its password', (url) => {
  const refused = Object.assign(new Error(`connect ECONNREFUSED ${url}`), { code: 'ECONNREFUSED' })
  const { message } = storeErrorOf(refused, { schema: 'sentinel', where: whereOf(url) })
  expect(message).toMatch(/cannot be reached at postgres:/)
  expect(message).not.toMatch(/kr\/?et|sekret|se@/)
})
