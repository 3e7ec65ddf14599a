import { WaymarkError } from '../util/errors.js';

/** The connection options of mysql2 that say what row values look like. */
export type ValueSettings = {
  /** Types whose values are text instead of Date objects. */
  readonly dateStrings: ReadonlySet<DateType>;
  /** Minutes east of UTC that dates are meant in; null: the time zone of this process. */
  readonly offsetMinutes: number | null;
  /** DECIMAL as a number instead of text. */
  readonly decimalNumbers: boolean;
  /** JSON as text instead of a value. */
  readonly jsonStrings: boolean;
};

/** The types that `dateStrings` names. */
export type DateType = 'DATE' | 'DATETIME' | 'TIMESTAMP';

const dateTypes = ['DATE', 'DATETIME', 'TIMESTAMP'] as const;

/**
 * Reads the options from those of a connection.
 * @throws WaymarkError `usage` for a time zone that mysql2 doesn't know.
 */
export function valueSettings(options: Readonly<Record<string, unknown>>): ValueSettings {
  return {
    dateStrings: dateStringsOf(options['dateStrings']),
    offsetMinutes: offsetOf(options['timezone']),
    decimalNumbers: options['decimalNumbers'] === true,
    jsonStrings: options['jsonStrings'] === true,
  };
}

function dateStringsOf(value: unknown): ReadonlySet<DateType> {
  if (Array.isArray(value)) return new Set(dateTypes.filter((type) => value.includes(type)));
  return new Set(value === true ? dateTypes : []);
}

function offsetOf(timezone: unknown): number | null {
  if (timezone === undefined || timezone === null || timezone === '' || timezone === 'local') return null;
  if (timezone === 'Z') return 0;
  const match = typeof timezone === 'string' ? /^([+-])(\d\d):(\d\d)$/.exec(timezone) : null;
  if (match === null) {
    throw new WaymarkError('usage', 'timezone must be "local", "Z", or an offset such as "+02:00"');
  }
  const [, sign, hours, minutes] = match;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
