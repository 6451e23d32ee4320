/** Functions over the parts of single rows: what is dropped, forgotten, carried to another row. */
import { BELOW_SECTIONS, MOST_GROWTH, SECTION, SMALLEST_TIDY } from './decide-format'
import { MOST_MARKS } from '../../ledger-record'
import { NEW_STATE, NEW_UNTIL } from './decide-rows'

const SAFE = 'LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp'

/** Rows without what no longer matters, and with the size at which they are to be tidied again: marks that ended by `horizon`, sections whose deadline `clock` has passed. */
export const tidyFunction = (tidy: string): string => `
CREATE OR REPLACE FUNCTION ${tidy}(st bigint[], horizon bigint, clock bigint) RETURNS bigint[] ${SAFE} IMMUTABLE AS $body$
DECLARE
  kept bigint[] := st[1:1];
  living bigint[] := '{}';
  z bigint := 2;
  size bigint;
  n bigint := 0;
BEGIN
  WHILE z <= cardinality(st) LOOP
    IF st[z] > ${BELOW_SECTIONS} THEN
      size := 4 + st[z+3];
      IF st[z+2] > clock THEN kept := kept || st[z:z+size-1]; END IF;
      z := z + size;
    ELSE
      IF st[z+1] > horizon THEN
        living[n+1] := st[z];
        living[n+2] := st[z+1];
        n := n + 2;
      END IF;
      z := z + 2;
    END IF;
  END LOOP;
  IF n > ${2 * MOST_MARKS} THEN
    -- Those that end first are forgotten.
    SELECT array_agg(b.part ORDER BY b.rank, b.half) INTO living FROM (
      SELECT a.rank, half, CASE half WHEN 0 THEN living[a.at] ELSE living[a.at+1] END AS part
        FROM (
          SELECT i AS at, row_number() OVER (ORDER BY living[i+1] DESC) AS rank FROM generate_series(1, n, 2) AS i
        ) AS a, generate_series(0, 1) AS half
        WHERE a.rank <= ${MOST_MARKS}
    ) AS b;
  END IF;
  kept := kept || living;
  kept[1] := greatest(${SMALLEST_TIDY}, least(2 * cardinality(kept), cardinality(kept) + ${MOST_GROWTH}));
  RETURN kept;
END $body$;`

/** Forgets the sections of some buckets in one row. */
export const forgetFunction = (forget: string, counters: string): string => `
CREATE OR REPLACE FUNCTION ${forget}(place text, ids bigint[]) RETURNS void ${SAFE} AS $body$
DECLARE
  st bigint[];
  id bigint;
  z bigint;
BEGIN
  SELECT c.state INTO st FROM ${counters} AS c WHERE c.key = place FOR UPDATE;
  FOREACH id IN ARRAY ids LOOP
    z := array_position(st, ${SECTION} - id);
    IF z IS NOT NULL THEN st := st[1:z-1] || st[z+4+st[z+3]:]; END IF;
  END LOOP;
  UPDATE ${counters} AS c SET state = st WHERE c.key = place AND c.state <> st;
  PERFORM set_config('synchronous_commit', 'off', true);
END $body$;`

/** Moves the sections of some buckets to another row, where that has none of them; they leave the old row anyway. */
export const carryFunction = (carry: string, forget: string, counters: string): string => `
CREATE OR REPLACE FUNCTION ${carry}(origin text, target text, ids bigint[]) RETURNS void ${SAFE} AS $body$
DECLARE
  source ${counters};
  goal ${counters};
  st bigint[];
  id bigint;
  z bigint;
BEGIN
  PERFORM FROM ${counters} AS c WHERE c.key = origin
    AND EXISTS (SELECT FROM unnest(ids) AS i WHERE ${SECTION} - i = ANY (c.state));
  IF NOT FOUND OR origin = target THEN RETURN; END IF;
  INSERT INTO ${counters} (key, state, expires)
    SELECT name, ${NEW_STATE}, ${NEW_UNTIL} FROM unnest(ARRAY[origin, target]) AS name ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING;
  PERFORM FROM ${counters} AS c WHERE c.key IN (origin, target) ORDER BY c.key FOR UPDATE;
  SELECT c.* INTO source FROM ${counters} AS c WHERE c.key = origin;
  SELECT c.* INTO goal FROM ${counters} AS c WHERE c.key = target;
  IF source.key IS NULL OR goal.key IS NULL THEN
    RAISE EXCEPTION 'a row was swept while it was about to be locked: try again' USING ERRCODE = '40001';
  END IF;
  st := goal.state;
  FOREACH id IN ARRAY ids LOOP
    z := array_position(source.state, ${SECTION} - id);
    IF z IS NOT NULL AND array_position(st, ${SECTION} - id) IS NULL THEN
      st := st || source.state[z:z+3+source.state[z+3]];
    END IF;
  END LOOP;
  UPDATE ${counters} AS c SET state = st, expires = greatest(source.expires, goal.expires) WHERE c.key = target;
  PERFORM ${forget}(origin, ids);
END $body$;`
