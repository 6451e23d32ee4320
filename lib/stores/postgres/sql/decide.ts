/**
 * The functions that decide inside the database. `decide` judges a batch of requests, all at one moment: it locks
 * the rows of all their places, judges one request after another in memory, and writes what has changed, once.
 */
import { BETWEEN, NEVER, SEPARATOR, SLOT_SIZE } from './decide-format'
import { JUDGE } from './decide-judge'
import { carryFunction, forgetFunction, tidyFunction } from './decide-parts'
import { collectChanges, FILL_SLOTS, lockRows, readRecords, writeRows } from './decide-rows'
import { quoteName } from './quote'

const DAY = 86_400_000

/**
 * The statements that make, or make anew, the functions of a schema; its tables must be there. Functions run with
 * their caller's rights.
 *
 * @example for (const text of decideFunctions('sentinel')) await pool.query(text)
 */
export function decideFunctions(schema: string): string {
  const named = (name: string): string => `${quoteName(schema)}.${quoteName(name)}`
  const counters = named('counters')
  const records = named('records')
  return [
    tidyFunction(named('tidy')),
    forgetFunction(named('forget'), counters),
    carryFunction(named('carry'), named('forget'), counters),
    decideFunction(named('decide'), named('tidy'), counters, records),
  ].join('\n')
}

/*
 * One text, whose parts are: moment: ms, none: the server's clock. places: keys, each once, in order. slots: `place, rule` for every
 * bucket, by place. marks: `place, id` by place. rules: see RULE_FIELDS. spaces, users, kinds: the records looked at.
 * asked: the requests. notes: the contents of blocks. Plans never depend on how full the tables were when they were made.
 */
const decideFunction = (decide: string, tidy: string, counters: string, records: string): string => `
CREATE OR REPLACE FUNCTION ${decide}(batch text) RETURNS text LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $body$
DECLARE
  part text[] := string_to_array(batch, '${BETWEEN}');
  moment bigint := nullif(part[1], '');
  places text[] := part[2];
  slots bigint[] := part[3];
  marks bigint[] := part[4];
  rules bigint[] := part[5];
  spaces text[] := part[6];
  users bigint[] := part[7];
  kinds bigint[] := part[8];
  asked bigint[] := part[9];
  notes text[] := part[10];
  held ${counters}[];
  changed ${counters}[];
  rec bigint[];
  noted bigint[];
  profiles text;
  s bigint[] := array_fill(0::bigint, ARRAY[cardinality(slots) * ${SLOT_SIZE / 2}]);
  until_of bigint[] := array_fill(${NEVER}, ARRAY[cardinality(marks) / 2]);
  marked bigint[];
  res bigint[] := '{}';
  st bigint[]; kept bigint[]; ws bigint[]; shaded bigint[];
  t bigint; clock bigint; late bigint; horizon bigint; longest bigint;
  held_at bigint := 0; dirty bigint := 0; blocks boolean := false;
  si bigint := 0; mi bigint := 0; i bigint := 1; n bigint := 1;
  f bigint; nd bigint; nl bigint; b bigint; g bigint; d0 bigint; l0 bigint; stride bigint;
  dup bigint; dup_window bigint; told_blocked bigint; told_unknown bigint;
  reason bigint; whose bigint; waits bigint; told bigint; silence bigint; shades bigint; added bigint;
  album boolean; recalled boolean; closed boolean;
  c bigint; k bigint; x bigint; al bigint; w bigint; v bigint; e bigint; r bigint; u bigint;
  z bigint; lo bigint; hi bigint; mid bigint;
BEGIN${lockRows(counters)}${readRecords(records)}
  clock := floor(extract(epoch FROM clock_timestamp()) * 1000);
  t := coalesce(moment, clock);
  late := clock + CASE WHEN moment IS NULL THEN 0 ELSE ${DAY} END;
  horizon := t - (late - clock);
  res[1] := t;${FILL_SLOTS}
  WHILE i <= cardinality(asked) LOOP${JUDGE}
  END LOOP;${collectChanges(counters, tidy)}${writeRows(counters, records)}
  RETURN array_to_string(res, ',') || '${SEPARATOR}' || coalesce(array_to_string(rec, ','), '') || '${SEPARATOR}' || coalesce(profiles, '');
END $body$;`
