/** A whole number of 64 bits: a number, or text with all its digits where a number can't hold them. */
export function wholeNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}
