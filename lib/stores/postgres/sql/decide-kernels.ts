/**
 * The kernels of lib/limiters in PL/pgSQL, over a slot of the array `s` (from `x` on) and a rule of the array `rules`
 * (from `k` on). Each text is put into `decide` as often as it is needed: a call would copy the arrays.
 *
 * A slot is the state as it is at `t`, the one moment of a batch:
 * - sliding-window: `a` units in the window, `b` time of the oldest, `c` time of the newest, `d` units ever dropped from the log.
 *   The log itself stays in its row, `[d, time, units up to and with it, …]`; what a batch adds has the time `c`.
 * - sliding-counter: `a` start of the window, `b` units in the one before, `c` units in it.
 * - fixed-window: `a` start of the window, `b` units in it.
 * - token-bucket: `a` what is missing, `b` as of when.
 * - gcra: `a` when the bucket was empty, packed; `b` 1 if there is a state.
 */
import { RULE_FIELDS, SECTION } from './decide-format'

/** A field of the rule at `k`. */
export function rule(field: keyof typeof RULE_FIELDS): string {
  return `rules[k+${RULE_FIELDS[field]}]`
}

/** Division that rounds down, also below zero; `b` > 0. */
export function floorDiv(a: string, b: string): string {
  return `((${a} - ((${a}) % (${b}) + (${b})) % (${b})) / (${b}))`
}

/** Token bucket: parts missing at `t` of those that were missing at `s[x+1]`. No product here exceeds what is missing. */
function refilled(missing: string): string {
  return `(CASE WHEN t <= s[x+1] OR ${rule('limit')} < 1 THEN ${missing}
    WHEN t - s[x+1] > ${missing} / ${rule('limit')} THEN 0
    ELSE ${missing} - (t - s[x+1]) * ${rule('limit')} END)`
}

const MISSING = refilled(`least(s[x], ${rule('burst')} * ${rule('window')})`)

/** gcra: sets `e` to when the bucket was empty, in ticks. */
const EMPTY = `
      e := t * ${rule('scale')} - ${rule('burst')} * ${rule('window')};
      IF s[x+1] = 1 THEN
        e := greatest(e, (s[x] >> 11) * ${rule('scale')} + least(${rule('scale')}, s[x] & 2047));
      END IF;`

/** gcra: ms from now to a moment in ticks, rounded up. */
function ticksLeft(ticks: string): string {
  return `(-${floorDiv(`(-${ticks})`, rule('scale'))}) - t`
}

const TICKS_LEFT = ticksLeft('v')

/** Token bucket: ms until `v` parts have come back. */
const REFILL_TIME = `(v + ${rule('limit')} - 1) / ${rule('limit')} + greatest(0, s[x+1] - t)`

/** Sliding counter: how much (ms) of the window before has not yet slid out. */
const NOT_YET_OUT = `(${rule('window')} - greatest(0, t - s[x]))`

/** Sets `v` to the time of the unit of a log before which `u` were taken, ever. Its row is fetched where it is not at hand. */
const LOG_TIME = `
        IF held_at <> slots[x/3+1] THEN
          held_at := slots[x/3+1];
          st := (held[array_position(needed, held_at)]).state;
        END IF;
        z := array_position(st, ${SECTION} - ${rule('id')});
        lo := 1;
        hi := (st[z+3] - 1) / 2;
        WHILE lo < hi LOOP
          mid := (lo + hi) / 2;
          IF st[z+4+2*mid] > u THEN hi := mid; ELSE lo := mid + 1; END IF;
        END LOOP;
        v := st[z+3+2*lo];`

/** Sets `w` to the ms until the cost would pass, by the state: 0 now. */
export const WAIT = `
    IF al = 1 THEN
      r := s[x] + ${rule('cost')} - ${rule('limit')} - 1;
      IF r < 0 THEN w := 0;
      ELSE
        IF r = 0 THEN v := s[x+1];
        ELSIF r >= s[x] - s[x+4] THEN v := s[x+2];
        ELSE
          u := s[x+3] + r;${LOG_TIME}
        END IF;
        w := v + ${rule('window')} - t;
      END IF;
    ELSIF al = 5 THEN${EMPTY}
      v := e + ${rule('cost')} * ${rule('window')};
      IF v <= t * ${rule('scale')} THEN w := 0; ELSE w := ${TICKS_LEFT}; END IF;
    ELSIF al = 3 THEN
      IF s[x+1] + ${rule('cost')} <= ${rule('limit')} THEN w := 0; ELSE w := s[x] + ${rule('window')} - t; END IF;
    ELSIF al = 4 THEN
      v := ${MISSING} - (${rule('burst')} - ${rule('cost')}) * ${rule('window')};
      IF v <= 0 THEN w := 0; ELSE w := ${REFILL_TIME}; END IF;
    ELSE
      r := ${rule('limit')} - s[x+2] - ${rule('cost')};
      IF r >= s[x+1] OR s[x+1] * ${NOT_YET_OUT} <= r * ${rule('window')} THEN w := 0;
      ELSIF r >= 0 THEN w := s[x] + ${rule('window')} - r * ${rule('window')} / s[x+1] - t;
      ELSE
        w := s[x] + 2 * ${rule('window')} - t
          - (${rule('limit')} - ${rule('cost')}) * ${rule('window')} / s[x+2];
      END IF;
    END IF;`

/** Takes the cost, whether it passes or not, and sets the slot's deadline. */
export const CHARGE = `
    IF al = 1 THEN
      e := least(${rule('charge')}, greatest(${rule('limit')}, s[x]));
      r := greatest(0, s[x] + e - greatest(${rule('limit')}, s[x]));
      IF s[x] = 0 OR s[x+2] < t THEN s[x+2] := t; END IF;
      IF r >= s[x] - s[x+4] THEN
        -- Nothing of the log in the row remains.
        s[x+3] := s[x+3] + s[x] - s[x+4];
        s[x+4] := s[x] + e - r;
        s[x+1] := s[x+2];
      ELSE
        s[x+4] := s[x+4] + e;
        IF r > 0 THEN
          u := s[x+3] + r;${LOG_TIME}
          s[x+3] := u;
          s[x+1] := v;
        END IF;
      END IF;
      s[x] := s[x] + e - r;
      v := s[x+2] + ${rule('window')} - t;
    ELSIF al = 5 THEN${EMPTY}
      e := greatest(e, least(e + ${rule('charge')} * ${rule('window')}, t * ${rule('scale')}));
      v := ${floorDiv('e', rule('scale'))};
      s[x] := (v << 11) + e - v * ${rule('scale')};
      s[x+1] := 1;
      v := greatest(0, ${ticksLeft('(e + ' + rule('burst') + ' * ' + rule('window') + ')')});
    ELSIF al = 3 THEN
      s[x+1] := greatest(s[x+1], least(${rule('limit')}, s[x+1] + ${rule('charge')}));
      v := s[x] + ${rule('window')} - t;
    ELSIF al = 4 THEN
      s[x] := greatest(
        least(${MISSING} + ${rule('charge')} * ${rule('window')}, ${rule('burst')} * ${rule('window')}),
        ${refilled('s[x]')});
      s[x+1] := greatest(s[x+1], t);
      v := ${MISSING};
      v := ${REFILL_TIME};
    ELSE
      s[x+2] := greatest(s[x+2], least(${rule('limit')}, s[x+2] + ${rule('charge')}));
      v := s[x] + 2 * ${rule('window')} - t;
    END IF;
    s[x+5] := late + v;`

/** Appends what is left of the limit, and the ms until its state is as good as new, to the answer `res`. */
export const STATE = `
    IF al = 1 THEN
      res[n+1] := greatest(0, ${rule('limit')} - s[x]);
      IF s[x] = 0 THEN res[n+2] := 0; ELSE res[n+2] := s[x+2] + ${rule('window')} - t; END IF;
    ELSIF al = 0 THEN
      res[n+1] := 0;
      res[n+2] := 0;
    ELSIF al = 5 THEN${EMPTY}
      res[n+1] := greatest(0, (t * ${rule('scale')} - e) / ${rule('window')});
      res[n+2] := greatest(0, ${ticksLeft('(e + ' + rule('burst') + ' * ' + rule('window') + ')')});
    ELSIF al = 3 THEN
      res[n+1] := greatest(0, ${rule('limit')} - s[x+1]);
      IF s[x+1] = 0 THEN res[n+2] := 0; ELSE res[n+2] := s[x] + ${rule('window')} - t; END IF;
    ELSIF al = 4 THEN
      v := ${MISSING};
      res[n+1] := (${rule('burst')} * ${rule('window')} - v) / ${rule('window')};
      IF v = 0 THEN res[n+2] := 0; ELSE res[n+2] := ${REFILL_TIME}; END IF;
    ELSE
      res[n+1] := greatest(0, ${rule('limit')} - s[x+2]
        - (s[x+1] * ${NOT_YET_OUT} + ${rule('window')} - 1) / ${rule('window')});
      res[n+2] := CASE WHEN s[x+2] > 0 THEN s[x] + 2 * ${rule('window')} - t
        WHEN s[x+1] > 0 THEN s[x] + ${rule('window')} - t ELSE 0 END;
    END IF;
    n := n + 2;`

/** Fills the slot at `x` from the row `st`, in which its section is at `z` (NULL: there is none). */
export const RESOLVE = `
      IF st[z+1] <> al THEN z := NULL; END IF;
      IF al = 1 THEN
        IF z IS NOT NULL THEN
          hi := (st[z+3] - 1) / 2;
          s[x+2] := st[z+3+2*hi];
          IF s[x+2] + ${rule('window')} <= t THEN s[x+3] := st[z+4+2*hi];
          ELSE
            v := t - ${rule('window')};
            u := st[z+4+2*hi];
            lo := 1;
            IF st[z+5] <= v THEN
              WHILE lo < hi LOOP
                mid := (lo + hi) / 2;
                IF st[z+3+2*mid] > v THEN hi := mid; ELSE lo := mid + 1; END IF;
              END LOOP;
            END IF;
            s[x+1] := st[z+3+2*lo];
            s[x+3] := CASE WHEN lo = 1 THEN st[z+4] ELSE st[z+2+2*lo] END;
            s[x] := u - s[x+3];
          END IF;
        END IF;
      ELSIF al = 5 THEN
        IF z IS NOT NULL THEN
          s[x] := st[z+4];
          s[x+1] := 1;
        END IF;
      ELSIF al = 4 THEN
        s[x+1] := t;
        IF z IS NOT NULL THEN
          s[x] := st[z+4];
          s[x+1] := st[z+5];
        END IF;
      ELSE
        s[x] := ${floorDiv('t', rule('window'))} * ${rule('window')};
        IF z IS NOT NULL THEN
          v := st[z+4];
          v := ${floorDiv('v', rule('window'))} * ${rule('window')};
          IF v >= s[x] THEN
            s[x] := v;
            s[x+1] := st[z+5];
            IF al = 2 THEN s[x+2] := st[z+6]; END IF;
          ELSIF al = 2 AND v + ${rule('window')} = s[x] THEN s[x+1] := st[z+6];
          END IF;
        END IF;
      END IF;`
