/**
 * The functions that decide inside the database. `decide` judges a batch of requests, all at one moment: it locks
 * the rows of all their places, judges one request after another in memory, and writes what has changed, once.
 */
import {
  BETWEEN,
  CARRY,
  DECIDE,
  FORGET,
  NEVER,
  SEPARATOR,
  SLOT_SIZE,
  TIDY,
  USUAL_SHAPES,
  usualFields,
} from './decide-format'
import { JUDGE } from './decide-judge'
import { carryFunction, forgetFunction, tidyFunction } from './decide-parts'
import {
  collectChanges,
  FILL_SLOTS,
  LAZY_COMMIT,
  lockRows,
  makeRows,
  readRecords,
  writeRows,
} from './decide-rows'
import { decideUsual } from './decide-usual'
import { quoteName } from './quote'

const DAY = 86_400_000

const [SLIM, WIDE] = USUAL_SHAPES

/** Sets the moment `t` that is judged at, and what deadlines and garbage are counted from. */
const MOMENT = `
    clock := floor(extract(epoch FROM clock_timestamp()) * 1000);
    t := coalesce(moment, clock);
    late := clock + CASE WHEN moment IS NULL THEN 0 ELSE ${DAY} END;
    horizon := t - (late - clock);`

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
    tidyFunction(named(TIDY)),
    forgetFunction(named(FORGET), counters),
    carryFunction(named(CARRY), named(FORGET), counters),
    decideFunction(named(DECIDE), named(TIDY), counters, records),
  ].join('\n')
}

/*
 * One text, whose parts are: moment: ms, none: the server's clock. places: keys, each once, in order. usual: see usualFields, for each
 * place; none where no request is usual. rules: see RULE_FIELDS. spaces. asking: how many requests there are. Then, for what is judged one by one: firsts: where each
 * place's slots and marks start, from 0. slots: `place, rule` for every bucket, by place. marks: `place, id` by place. about, users,
 * kinds: the records looked at. asked: the requests. starts: where each request starts. notes: the contents of blocks.
 * Plans never depend on how full the tables were when they were made.
 */
const decideFunction = (decide: string, tidy: string, counters: string, records: string): string => `
CREATE OR REPLACE FUNCTION ${decide}(batch text) RETURNS text LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_bitmapscan = off
SET enable_material = off
AS $body$
#variable_conflict use_column
DECLARE
  part text[] := string_to_array(batch, '${BETWEEN}');
  moment bigint := nullif(part[1], '');
  places text[] := part[2];
  usual bigint[] := part[3];
  rules bigint[] := part[4];
  spaces text[] := part[5];
  firsts bigint[]; slots bigint[]; marks bigint[]; about bigint[]; users bigint[]; kinds bigint[]; asked bigint[]; starts bigint[];
  notes text[];
  decided bigint[];
  known text := '';
  answered text := '';
  asking bigint := part[6];
  size bigint;
  complete boolean;
  made boolean := false;
  rest bigint[];
  wanted bigint[];
  needed bigint[];
  names text[];
  held ${counters}[];
  changed ${counters}[];
  rec bigint[];
  noted bigint[];
  profiles text;
  s bigint[]; until_of bigint[]; marked bigint[];
  res bigint[] := '{}';
  st bigint[]; kept bigint[]; ws bigint[]; shaded bigint[];
  t bigint; clock bigint; late bigint; horizon bigint; longest bigint;
  held_at bigint := 0; dirty bigint := 0; blocks boolean := false;
  si bigint; mi bigint; i bigint; n bigint := 0; p bigint; q bigint;
  f bigint; nd bigint; nl bigint; b bigint; g bigint; d0 bigint; l0 bigint; stride bigint;
  dup bigint; dup_window bigint; told_blocked bigint; told_unknown bigint;
  reason bigint; whose bigint; waits bigint; told bigint; silence bigint; shades bigint; added bigint;
  album boolean; recalled boolean; closed boolean;
  c bigint; k bigint; x bigint; al bigint; w bigint; v bigint; e bigint; r bigint; u bigint;
  z bigint; lo bigint; hi bigint; mid bigint;
BEGIN
  IF cardinality(usual) > 0 THEN
    IF cardinality(places) > 1 THEN
      made := true;${makeRows(counters, 'places')}
    END IF;${MOMENT}
    IF cardinality(usual) = cardinality(places) * ${usualFields(SLIM).length} THEN${decideUsual(SLIM, counters, records, tidy)}
    ELSE${decideUsual(WIDE, counters, records, tidy)}
    END IF;
    answered := t || coalesce(',' || array_to_string(decided, ','), '');
    IF complete THEN
      answered := answered || '${SEPARATOR}${SEPARATOR}${SEPARATOR}' || known;${LAZY_COMMIT}
      RETURN answered;
    END IF;
  END IF;
  firsts := part[7];
  slots := part[8];
  marks := part[9];
  about := part[10];
  users := part[11];
  kinds := part[12];
  asked := part[13];
  starts := part[14];
  notes := part[15];
  IF decided IS NULL THEN
    names := places;
    SELECT array_agg(m) INTO needed FROM generate_series(1, cardinality(places)) AS m;
    SELECT array_agg(m) INTO rest FROM generate_series(1, cardinality(starts)) AS m;
  ELSE
    SELECT array_agg(m ORDER BY m) INTO rest
      FROM (SELECT generate_series(1, asking) EXCEPT SELECT unnest(decided[:][1:1])) AS remaining (m);
    SELECT array_agg(m), array_agg(places[m]) INTO needed, names FROM generate_series(1, cardinality(places)) AS m
      WHERE usual[(m-1)*size+1] = 0 OR usual[(m-1)*size+1] = ANY (rest);
    SELECT array_agg(asked[starts[m]+3]) || array_agg(asked[starts[m]+4]) INTO wanted FROM unnest(rest) AS m;
  END IF;
  s := array_fill(0::bigint, ARRAY[cardinality(slots) * ${SLOT_SIZE / 2}]);
  until_of := array_fill(${NEVER}, ARRAY[cardinality(marks) / 2]);${lockRows(counters)}${readRecords(records)}${MOMENT}${FILL_SLOTS}
  FOREACH q IN ARRAY rest LOOP
    i := starts[q];${JUDGE}
  END LOOP;${collectChanges(counters, tidy)}
  answered := answered || '${SEPARATOR}' || t || ',' || array_to_string(res, ',') || '${SEPARATOR}' || coalesce(array_to_string(rec, ','), '')
    || '${SEPARATOR}' || coalesce(known, '') || CASE WHEN known = '' OR profiles IS NULL THEN '' ELSE '${SEPARATOR}' END || coalesce(profiles, '');${writeRows(counters, records)}
  RETURN answered;
END $body$;`
