import { Malformed } from './malformed.js';

const fraction = 1n << 24n;

const padded = (value: bigint, digits: number): string => value.toString().padStart(digits, '0');

/** The six digits of microseconds in a packed value's lower 24 bits. */
function microseconds(value: bigint): string {
  const micros = value % fraction;
  if (micros > 999_999n) throw new Malformed(`a JSON document has a fraction of ${micros}`);
  return padded(micros, 6);
}

function clock(hour: bigint, bits: bigint): string {
  const [minute, second] = [(bits >> 6n) & 0x3fn, bits & 0x3fn];
  if (minute > 59n || second > 59n) throw new Malformed('a JSON document has an impossible time');
  return `${padded(hour, 2)}:${padded(minute, 2)}:${padded(second, 2)}`;
}

/** TIME as MySQL packs it in memory and in JSON (MySQL: mysys/my_time.cc, TIME_from_longlong_time_packed). */
export function timeText(packed: bigint): string {
  const value = packed < 0n ? -packed : packed;
  const bits = value / fraction;
  const hour = (bits >> 12n) & 0x3ffn;
  return `${packed < 0n ? '-' : ''}${clock(hour, bits)}.${microseconds(value)}`;
}

/** DATE, DATETIME and TIMESTAMP likewise (TIME_from_longlong_datetime_packed). */
export function dateTimeText(packed: bigint, dateAlone: boolean): string {
  const value = packed < 0n ? -packed : packed;
  const bits = value / fraction;
  const days = bits >> 17n;
  const yearMonth = days >> 5n;
  const date = `${padded(yearMonth / 13n, 4)}-${padded(yearMonth % 13n, 2)}-${padded(days & 0x1fn, 2)}`;
  if (dateAlone) return date;
  return `${date} ${clock((bits >> 12n) & 0x1fn, bits)}.${microseconds(value)}`;
}
