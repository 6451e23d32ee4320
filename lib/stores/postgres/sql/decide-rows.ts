/** How `decide` reads the rows of its places into slots and marks, and writes back what has changed. */
import { FOREVER, MARK, NEVER, SECTION, SEPARATOR, SLOT_SIZE, SMALLEST_TIDY } from './decide-format'
import { RESOLVE, rule } from './decide-kernels'

export const MINUTE = 60_000
/** A row that is made is no garbage for a while, so that none is swept between being made and being locked. */
export const NEW_UNTIL = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + ${MINUTE}`

/** What a row is made with: its head alone. */
export const NEW_STATE = `'{${SMALLEST_TIDY}}'`

/** Makes the rows of these places that are missing. */
export const makeRows = (counters: string, places: string): string => `
        INSERT INTO ${counters} (key, state, expires)
          SELECT name, ${NEW_STATE}, ${NEW_UNTIL} FROM unnest(${places}) AS name
          WHERE NOT EXISTS (SELECT FROM ${counters} AS c WHERE c.key = name)
          ORDER BY name COLLATE "C"
          ON CONFLICT DO NOTHING;`

/**
 * Makes the rows that are missing, then locks all of them, both in the order of their keys: whoever waits holds only keys
 * before the one it waits for, and nobody judges a row that another is about to make. A lone row is mostly there.
 */
export const lockRows = (counters: string): string => `
  nd := cardinality(names);
  IF nd > 0 THEN
    made := made OR nd = 1;
    LOOP
      IF NOT made OR held_at < 0 THEN${makeRows(counters, 'names')}
      END IF;
      SELECT array_agg(ROW(c.key, c.state, c.expires)::${counters}) INTO held
        FROM (SELECT key, state, expires FROM ${counters} WHERE key = ANY (names) ORDER BY key FOR UPDATE) AS c;
      EXIT WHEN cardinality(held) = nd;
      IF nd > 1 OR held_at < 0 THEN
        RAISE EXCEPTION 'a row was swept while it was about to be locked: try again' USING ERRCODE = '40001';
      END IF;
      held_at := -1;
    END LOOP;
  END IF;`

/** Reads blocks and registrations, after the locks, so that decisions which waited see what was decided before them. */
export const readRecords = (records: string): string => `
  IF cardinality(users) > 0 THEN
    SELECT array_agg(CASE WHEN x.since IS NULL THEN ${NEVER} WHEN x.kind = 0 THEN coalesce(x.until, ${FOREVER}) ELSE x.since END),
        string_agg(x.content, '${SEPARATOR}') FILTER (WHERE x.kind <> 0)
      INTO rec, profiles
      FROM (
        SELECT w.kind, m.since, m.until, m.content
          FROM unnest(about, users, kinds) WITH ORDINALITY AS w (about, user_id, kind, n)
          LEFT JOIN LATERAL (
            SELECT since, until, content FROM ${records} AS one
              WHERE one.space = spaces[w.about] AND one.kind = w.kind::smallint
                AND one.user_id = CASE WHEN wanted IS NULL OR w.n = ANY (wanted) THEN w.user_id END
              LIMIT 1
          ) AS m ON true
          ORDER BY w.n
      ) AS x;
  END IF;`

export const FILL_SLOTS = `
  FOR j IN 1..cardinality(names) LOOP
    p := needed[j];
    si := firsts[2*p-1];
    mi := firsts[2*p];
    st := (held[j]).state;
    IF slots[si+1] = p THEN
      LOOP
        x := si * ${SLOT_SIZE / 2} + 1;
        k := slots[si+2];
        al := rules[k+2];
        z := array_position(st, ${SECTION} - ${rule('id')});${RESOLVE}
        si := si + 2;
        EXIT WHEN slots[si+1] IS DISTINCT FROM p;
      END LOOP;
    END IF;
    WHILE marks[mi+1] = p LOOP
      z := array_position(st, ${MARK} - marks[mi+2]);
      mi := mi + 2;
      IF z IS NOT NULL THEN until_of[mi/2] := st[z+1]; END IF;
    END LOOP;
  END LOOP;`

/** Puts a section of the numbers `values` where the old one was, or at the end. */
const putSection = (values: readonly string[]): string => `
          IF st[z+1] <> al THEN
            st := st[1:z-1] || st[z+4+st[z+3]:];
            z := NULL;
          END IF;
          IF z IS NULL THEN
            z := cardinality(st) + 1;
            st[z] := ${SECTION} - ${rule('id')};
            st[z+1] := al;
            st[z+3] := ${values.length};
          END IF;
          st[z+2] := s[x+5];${values.map((value, i) => `\n          st[z+${4 + i}] := ${value};`).join('')}`

/** Writes a log anew at the end of its row: what remains of the old one, then what the batch has added. */
const PUT_LOG = `
          u := s[x+3];
          kept := NULL;
          z := coalesce(z, cardinality(st) + 1);
          hi := coalesce(z + 3 + st[z+3], z - 1);
          IF st[z+1] = 1 AND st[hi] > u THEN
            lo := 1;
            IF st[z+6] <= u THEN
              r := (hi - z - 4) / 2;
              WHILE lo < r LOOP
                mid := (lo + r) / 2;
                IF st[z+4+2*mid] > u THEN r := mid; ELSE lo := mid + 1; END IF;
              END LOOP;
            END IF;
            u := st[hi];
            kept := st[z+3+2*lo : hi - CASE WHEN s[x+4] > 0 AND st[hi-1] = s[x+2] THEN 2 ELSE 0 END];
          END IF;
          st := st[1:z-1] || st[hi+1:]
            || ARRAY[${SECTION} - ${rule('id')}, 1, s[x+5],
              1 + coalesce(cardinality(kept), 0) + CASE WHEN s[x+4] > 0 THEN 2 ELSE 0 END, s[x+3]]
            || kept || CASE WHEN s[x+4] > 0 THEN ARRAY[s[x+2], u + s[x+4]] END;`

const WRITE_SLOT = `
        k := slots[si+2];
        al := rules[k+2];
        longest := greatest(longest, s[x+5]);
        z := array_position(st, ${SECTION} - ${rule('id')});
        IF al = 1 THEN${PUT_LOG}
        ELSIF al = 2 THEN${putSection(['s[x]', 's[x+1]', 's[x+2]'])}
        ELSIF al = 5 THEN${putSection(['s[x]'])}
        ELSE${putSection(['s[x]', 's[x+1]'])}
        END IF;`

const WRITE_MARK = `
        z := array_position(st, ${MARK} - marks[mi+2]);
        IF z IS NULL THEN
          z := cardinality(st) + 1;
          st[z] := ${MARK} - marks[mi+2];
        END IF;
        v := until_of[mi/2+1];
        st[z+1] := v;
        longest := greatest(longest, late + greatest(0, v - t));`

/** Takes the row up as it is, before the first change to it. */
const TAKE_ROW = `
        IF st IS NULL THEN
          st := (held[j]).state;
          longest := (held[j]).expires - ${MINUTE};
        END IF;`

/** Makes `changed`, the rows to be written. */
export const collectChanges = (counters: string, tidy: string): string => `
  FOR j IN 1..cardinality(names) LOOP
    p := needed[j];
    si := firsts[2*p-1];
    mi := firsts[2*p];
    st := NULL;
    WHILE slots[si+1] = p LOOP
      x := si * ${SLOT_SIZE / 2} + 1;
      IF s[x+5] <> 0 THEN${TAKE_ROW}${WRITE_SLOT}
      END IF;
      si := si + 2;
    END LOOP;
    WHILE marks[mi+1] = p LOOP
      IF marked[mi/2+1] = 1 THEN${TAKE_ROW}${WRITE_MARK}
      END IF;
      mi := mi + 2;
    END LOOP;
    IF st IS NOT NULL THEN
      IF cardinality(st) > st[1] THEN st := ${tidy}(st, horizon, clock); END IF;
      dirty := dirty + 1;
      changed[dirty] := ROW(names[j], st, longest + ${MINUTE})::${counters};
    END IF;
  END LOOP;`

/** Counters may be lost in a crash: nobody waits for the disk. */
export const LAZY_COMMIT = `
    known := set_config('synchronous_commit', 'off', true);`

export const writeRows = (counters: string, records: string): string => `
  IF dirty > 0 THEN
    UPDATE ${counters} AS c SET state = w.state, expires = w.expires
      FROM unnest(changed) AS w WHERE c.key = w.key;
  END IF;
  IF blocks THEN
    INSERT INTO ${records} AS m (space, kind, user_id, since, until, content)
      SELECT spaces[about[j]], 0, users[j], t, rec[j], notes[noted[j]]
        FROM generate_subscripts(noted, 1) AS j WHERE noted[j] > 0
        ORDER BY spaces[about[j]] COLLATE "C", users[j]
      ON CONFLICT (space, user_id, kind) DO UPDATE
        SET since = excluded.since, until = excluded.until, update_id = NULL, content = excluded.content
        WHERE m.until < excluded.until;
  ELSE${LAZY_COMMIT}
  END IF;`
