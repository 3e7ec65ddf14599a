/** Whether the bytes of `buffer` from `from` up to `to` equal `bytes`. */
export function hasBytes(bytes: Uint8Array, buffer: Uint8Array, from: number, to: number): boolean {
  if (to - from !== bytes.length) return false;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== buffer[from + at]) return false;
  return true;
}
