/** Whether it can name a schema: what needs no escaping anywhere, and fits PostgreSQL's 63 bytes. */
export function isSchemaName(name: unknown): name is string {
  return typeof name === 'string' && /^[a-z_]\w{0,62}$/i.test(name) && !/^pg_/i.test(name)
}
