/**
 * lib/stores/judge.ts in PL/pgSQL: judges the request that starts at `asked[i]`. Marks are read from `until_of` and
 * changed there (`marked` says which), limits in `s`; `rec` has until when a user is blocked, since when registered.
 */
import { ANSWER, FOREVER, NEVER, REQUEST, RULE } from './decide-format'
import { CHARGE, rule, STATE, WAIT } from './decide-kernels'
import { ALBUM_MEMORY, NOTICE_MEMORY } from '../../judge'

const setMark = (mark: string, until: string): string => `
      until_of[${mark}] := ${until};
      marked[${mark}] := 1;`

/** What refuses, refuses; the first names the verdict. `of` is where its notice's mark stands. */
const fail = (reason: number, more: string): string => `
      waits := greatest(waits, w);
      IF reason = 0 THEN
        reason := ${reason};${more}
      END IF;`

/** Reads the request's head: flags, counts, records, then what the flags say. */
const HEAD = `
    f := asked[i];
    nd := asked[i+1];
    nl := asked[i+2];
    b := asked[i+3];
    g := asked[i+4];
    i := i + 5;
    reason := 0;
    whose := 0;
    waits := 0;
    told := 0;
    silence := ${NOTICE_MEMORY};
    shades := 0;
    added := 0;
    album := f & ${REQUEST.album} > 0;
    stride := CASE WHEN album THEN 5 ELSE 3 END;`

const IDENTITY = `
    told_blocked := 0;
    told_unknown := 0;
    IF f & ${REQUEST.duplicate} > 0 THEN
      dup := asked[i];
      dup_window := asked[i+1];
      i := i + 2;
      IF until_of[dup] > t THEN
        waits := until_of[dup] - t;
        reason := 1;
      END IF;
    END IF;
    IF f & ${REQUEST.notices} > 0 THEN
      told_blocked := asked[i];
      told_unknown := asked[i+1];
      i := i + 2;
    END IF;
    d0 := i;
    l0 := i + nd * stride;
    i := l0 + nl * stride;
    IF f & ${REQUEST.block} > 0 AND rec[b] > t THEN
      w := CASE WHEN rec[b] = ${FOREVER} THEN ${FOREVER} ELSE rec[b] - t END;${fail(2, ' told := told_blocked;')}
    END IF;
    IF f & ${REQUEST.required | REQUEST.ask} > 0 AND rec[g] = ${NEVER} THEN
      IF f & ${REQUEST.required} > 0 THEN
        w := ${FOREVER};${fail(3, ' told := told_unknown;')}
      ELSIF reason = 0 THEN
        n := n + 1;
        res[n] := ${ANSWER.unasked};
        CONTINUE;
      END IF;
    END IF;
    closed := reason <> 0;`

/** Remembers, once, that the check at `c` refuses the album; `w` is never less than how long that is remembered. */
const REFUSED_ALBUM = `
      IF album THEN
        IF recalled THEN w := greatest(w, until_of[asked[c+4]] - t);
        ELSIF NOT closed THEN
          w := greatest(w, ${ALBUM_MEMORY});${setMark('asked[c+4]', `t + ${ALBUM_MEMORY}`)}
        END IF;
      END IF;`

/** Skips a check that has passed the album; sets whether it has refused it. */
const RECALL = `
      recalled := false;
      IF album THEN
        CONTINUE WHEN until_of[asked[c+3]] > t;
        recalled := until_of[asked[c+4]] > t;
      END IF;`

const DEBOUNCES = `
    FOR j IN 1..nd LOOP
      c := d0 + (j - 1) * stride;${RECALL}
      w := until_of[asked[c]] - t;
      CONTINUE WHEN w <= 0 AND NOT recalled;${REFUSED_ALBUM}${fail(4, ' whose := j; told := asked[c+2];')}
    END LOOP;`

const LIMIT = `
      k := asked[c];
      x := asked[c+1];
      al := rules[k+2];`

const LIMITS = `
    FOR j IN 1..nl LOOP
      c := l0 + (j - 1) * stride;
      ws[j] := 0;${RECALL}${LIMIT}
      w := ${rule('wait')};
      IF w < 0 THEN${WAIT}
      END IF;
      CONTINUE WHEN w = 0 AND NOT recalled;
      IF ${rule('flags')} & ${RULE.countRefused} > 0 AND NOT closed AND NOT recalled THEN
        IF ${rule('charge')} > 0 THEN${CHARGE}
          IF ${rule('wait')} < 0 THEN${WAIT}
          END IF;
        END IF;
        ws[j] := w;
        IF ${rule('afterCounting')} >= 0 THEN w := ${rule('afterCounting')}; END IF;
      ELSE
        ws[j] := w;
      END IF;${REFUSED_ALBUM}
      IF ${rule('flags')} & ${RULE.shadow} = 0 THEN${fail(5, ` whose := nd + j; told := asked[c+2]; silence := ${rule('silence')};`)}
      ELSIF NOT closed THEN
        shades := shades + 1;
        shaded[2*shades-1] := j;
        shaded[2*shades] := w;
      END IF;
    END LOOP;`

const CONSUME = `
      IF f & ${REQUEST.duplicate} > 0 THEN${setMark('dup', 't + dup_window')}
      END IF;
      FOR j IN 1..nd LOOP
        c := d0 + (j - 1) * stride;
        IF album THEN
          CONTINUE WHEN until_of[asked[c+3]] > t;${setMark('asked[c+3]', `t + ${ALBUM_MEMORY}`)}
        END IF;${setMark('asked[c]', 't + asked[c+1]')}
      END LOOP;
      FOR j IN 1..nl LOOP
        c := l0 + (j - 1) * stride;
        IF album THEN
          CONTINUE WHEN until_of[asked[c+3]] > t OR until_of[asked[c+4]] > t;
        END IF;
        CONTINUE WHEN ws[j] > 0;
        k := asked[c];
        IF ${rule('charge')} > 0 THEN
          x := asked[c+1];
          al := rules[k+2];${CHARGE}
        END IF;
        IF album THEN${setMark('asked[c+3]', `t + ${ALBUM_MEMORY}`)}
        END IF;
      END LOOP;`

/** The longest `blockFor` of the limits that refuse becomes a block, unless a longer one stands. */
const BLOCK_FOR = `
      v := 0;
      FOR j IN 1..nl LOOP
        k := asked[l0+(j-1)*stride];
        IF ${rule('blockFor')} > v AND ws[j] > 0 AND ${rule('flags')} & ${RULE.shadow} = 0 THEN
          v := ${rule('blockFor')};
          e := ${rule('note')};
          r := j;
        END IF;
      END LOOP;
      IF v > 0 AND b > 0 THEN
        waits := greatest(waits, v);
        IF rec[b] <= t OR rec[b] < t + v THEN
          added := ${ANSWER.block};
          rec[b] := t + v;
          noted[b] := e;
          blocks := true;
        END IF;
      END IF;`

const NOTICE = `
      IF told > 0 AND until_of[told] <= t THEN
        added := added + ${ANSWER.notice};${setMark('told', 't + silence')}
      END IF;`

const ANSWERED = `
    n := n + 1;
    res[n] := reason + added + ${ANSWER.shadowed} * shades + ${ANSWER.by} * whose;
    IF reason > 0 THEN
      n := n + 1;
      res[n] := waits;
      IF added & ${ANSWER.block} > 0 THEN
        n := n + 1;
        res[n] := r;
      END IF;
    END IF;
    IF shades > 0 THEN
      FOR j IN 1..2*shades LOOP
        n := n + 1;
        res[n] := shaded[j];
      END LOOP;
    END IF;
    FOR j IN 1..nl LOOP
      c := l0 + (j - 1) * stride;${LIMIT}${STATE}
    END LOOP;`

/** Judges one request and appends its answer to `res`. */
export const JUDGE = `${HEAD}${IDENTITY}
    IF nd > 0 THEN${DEBOUNCES}
    END IF;
    IF nl > 0 THEN${LIMITS}
    END IF;
    IF reason = 0 THEN${CONSUME}
    ELSE
      IF NOT closed THEN${BLOCK_FOR}
      END IF;${NOTICE}
    END IF;${ANSWERED}`
