import { type Hint, hintFromToken } from './hint.js';

/** The largest values that the fields of a hint hold. */
const maximumSeconds = 0xffff_ffff;
const maximumCounter = 0xffff_ffff_ffff_ffffn;

/**
 * The hint to inject after `previous`: always newer (`compareHints`), even if the clock has been set back. Its
 * seconds are the later of the clock's and the previous hint's. Its counter is one higher.
 *
 * @param previous the newest hint. Null, or one that doesn't ascend, means a fresh start.
 * @param nowMs milliseconds since 1970.
 * @param random from 0 up to but not including 1, as Math.random gives it; it only makes hints of two injectors
 * differ.
 * @throws RangeError if the previous hint is the last one that the format allows.
 */
export function nextHint(previous: Hint | null, nowMs: number, random: number): Hint {
  const last = previous?.ascending === true ? fieldsOf(previous) : { seconds: 0, counter: 0n };
  let seconds = Math.max(last.seconds, Math.min(Math.floor(nowMs / 1000), maximumSeconds));
  let counter = last.counter + 1n;
  if (counter > maximumCounter) {
    if (seconds === last.seconds) seconds += 1;
    if (seconds > maximumSeconds) throw new RangeError(`There is no hint after ${previous?.token ?? ''}`);
    counter = 0n;
  }
  const randomPart = Math.floor(random * (maximumSeconds + 1));
  return hintFromToken(`asc:${hex(seconds, 8)}:${hex(counter, 16)}:${hex(randomPart, 8)}`);
}

/** Seconds since 1970 at which an ascending hint was made, as far as its injector's clock was right; else null. */
export function hintSeconds(hint: Hint): number | null {
  return hint.ascending ? fieldsOf(hint).seconds : null;
}

/** The counter of an ascending hint; else null. */
export function hintCounter(hint: Hint): bigint | null {
  return hint.ascending ? fieldsOf(hint).counter : null;
}

function fieldsOf(hint: Hint): { seconds: number; counter: bigint } {
  const [, seconds = '0', counter = '0'] = hint.token.split(':');
  return { seconds: Number.parseInt(seconds, 16), counter: BigInt(`0x${counter}`) };
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
