import { isDeepStrictEqual } from 'node:util';
import type { Vendor } from '../servers/index.js';
import type { Sample } from './samples.js';

/** A cell, as our class of zongji's interface has it. */
export type ZongJiCell = {
  readonly sample: Sample;
  /** All columns of its table. */
  readonly beside: readonly Sample[];
  readonly value: unknown;
  readonly vendor: Vendor;
  /** `binlog_row_metadata` */
  readonly setting: string;
};

type Fault = { readonly what: string; readonly concerns: (cell: ZongJiCell) => boolean };

const hasLabels = ({ type }: Sample): boolean => /^(ENUM|SET)/.test(type);
/** Whether MariaDB has a character set for it in the log, `binary` included. Its JSON is a text. */
const hasCharset = (sample: Sample): boolean =>
  ['text', 'binary', 'vector', 'jsonText'].includes(sample.as) && !hasLabels(sample);

/** What zongji 0.9.0 has wrong; all that these don't concern is held against it. */
const faults: readonly Fault[] = [
  {
    what: 'UUID, INET4 and INET6 are bytes, or text in another form than the server prints',
    concerns: ({ sample }) => sample.as === 'address',
  },
  {
    what: 'a negative TIME with zero seconds or minutes',
    concerns: ({ sample, value }) =>
      sample.type.startsWith('TIME(') && /^-\d+:\d+:00|^-\d+:00/.test(String(value)),
  },
  { what: 'the year 0000 is 1900', concerns: ({ sample, value }) => sample.type === 'YEAR' && value === 0 },
  {
    what: 'an invalid value of an ENUM is undefined',
    concerns: ({ sample, value }) => hasLabels(sample) && value === '',
  },
  {
    what: 'what MariaDB from 11.5 on has in a TIMESTAMP beyond 2038 is of the 20th century',
    concerns: ({ sample, value }) =>
      sample.type.startsWith('TIMESTAMP') && String(value) > '2038-01-19 03:14:07.9',
  },
  {
    what: "MariaDB's collations of ids above 255 are taken for UTF-8: those that it gives to utf16, ucs2 and utf32 by default from 11.5 on",
    concerns: ({ sample, vendor }) => vendor === 'mariadb' && /utf16|ucs2|utf32/.test(sample.type),
  },
  {
    what: 'a label with a quotation mark, a comma or a backslash is read wrongly from the dictionary',
    concerns: ({ sample, setting }) => setting !== 'FULL' && hasLabels(sample) && /''|\\/.test(sample.type),
  },
  {
    what: "the five bytes of latin1 that Windows-1252 hasn't are U+0081 … for the servers",
    concerns: ({ sample, value }) =>
      sample.type.includes('latin1') && /[\x81\x8d\x8f\x90\x9d]/.test(String(value)),
  },
  {
    what: 'MariaDB has a character set for GEOMETRY in the log, and what stands behind it gets the wrong one',
    concerns: ({ sample, beside, vendor, setting }) =>
      vendor === 'mariadb' &&
      setting !== 'NO_LOG' &&
      hasCharset(sample) &&
      beside.some(({ as }) => as === 'geometry'),
  },
];

/** Whether zongji can read a table's rows at all: it doesn't know MySQL's VECTOR. */
export function zongjiCanRead(columns: readonly Sample[], vendor: Vendor): boolean {
  return vendor === 'mariadb' || columns.every(({ as }) => as !== 'vector');
}

/** Whether a value is zongji's, too, or is of what zongji has wrong. */
export function zongjiAgrees(cell: ZongJiCell, theirs: unknown): 'yes' | 'no' | 'not asked' {
  const { sample, value } = cell;
  if (faults.some(({ concerns }) => concerns(cell))) return 'not asked';
  // It gives the double that a FLOAT is; ours has the digits that make it.
  if (sample.as === 'float' && typeof value === 'number') {
    return Object.is(Math.fround(value), theirs) ? 'yes' : 'no';
  }
  if (sample.as === 'json') return isSameDocument(value, theirs) ? 'yes' : 'no';
  return isDeepStrictEqual(value, theirs) ? 'yes' : 'no';
}

/** zongji has DECIMALs as text, and drops keys called `__proto__`. */
function isSameDocument(ours: unknown, theirs: unknown): boolean {
  if (typeof ours === 'number' && typeof theirs === 'string') return ours === Number(theirs);
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    return ours.length === theirs.length && ours.every((item, index) => isSameDocument(item, theirs[index]));
  }
  if (!isMembers(ours) || !isMembers(theirs)) return isDeepStrictEqual(ours, theirs);
  const names = Object.keys(ours).filter((name) => name !== '__proto__');
  return (
    names.length === Object.keys(theirs).length &&
    names.every((name) => isSameDocument(ours[name], theirs[name]))
  );
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
