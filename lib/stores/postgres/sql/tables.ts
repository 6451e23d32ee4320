/** The tables of the PostgreSQL store, as its first migration makes them. */
import { KINDS } from './decide-format'
import { quoteName } from './quote'

/** The server's clock (ms since the epoch), moving on within a statement. */
export const SERVER_NOW = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint'

/** A block that is over is kept for so long (ms): what said so may still be looked up. */
const AFTERLIFE = 86_400_000

/**
 * The first migration; it stands inside of a PL/pgSQL block.
 *
 * `counters` are logged, so that they outlive a crash and reach standbys. Nobody waits for the disk (synchronous_commit = off),
 * which is as fast as an unlogged table: a crash may lose the last hits. They have no index but the key, and room in each page:
 * so a changed row stays in its page, and no index is written (an index on `expires`, which changes with each hit, would forbid
 * that). The sweeper walks the key instead.
 *
 * `records.expires` is when a block is garbage by the server's clock, whichever clock the bot goes by: it is set as the
 * block is written, and counts from then.
 */
export function tables(schemaName: string): string {
  const schema = quoteName(schemaName)
  return `
CREATE TABLE ${schema}.counters (
  key text COLLATE "C" PRIMARY KEY,
  state bigint[] NOT NULL,
  expires bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE ${schema}.records (
  space text COLLATE "C" NOT NULL,
  kind smallint NOT NULL,
  user_id bigint NOT NULL,
  since bigint NOT NULL,
  until bigint,
  update_id bigint,
  content text NOT NULL,
  expires bigint,
  PRIMARY KEY (space, user_id, kind)
);
CREATE INDEX records_listed ON ${schema}.records (space, kind, user_id);
CREATE INDEX records_expiring ON ${schema}.records (expires) WHERE expires IS NOT NULL;

CREATE FUNCTION ${schema}.records_expire() RETURNS trigger LANGUAGE plpgsql AS $expire$
BEGIN
  NEW.expires := CASE WHEN NEW.until IS NOT NULL THEN
    ${SERVER_NOW} + greatest(NEW.until - NEW.since, 0) + ${AFTERLIFE}
  END;
  RETURN NEW;
END
$expire$;
CREATE TRIGGER records_expire BEFORE INSERT OR UPDATE ON ${schema}.records
  FOR EACH ROW WHEN (NEW.kind = ${KINDS.blocks}) EXECUTE FUNCTION ${schema}.records_expire();

CREATE SEQUENCE ${schema}.versions;
CREATE TABLE ${schema}.entries (
  key text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  version bigint NOT NULL,
  expires bigint
) WITH (fillfactor = 70);
`
}
