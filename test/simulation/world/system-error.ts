import { constants } from 'node:os';

const texts = {
  EBADF: 'bad file descriptor',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTFOUND: 'name not known',
  ETIMEDOUT: 'connection timed out',
} as const;

/** Those of the name server's have none that means anything. */
const numbers: Readonly<Record<string, number>> = constants.errno;

/** An error of the system's, as Node gives it: with its `code`, its number, and the call that it is of. */
export function systemError(code: keyof typeof texts, syscall: string, subject = ''): Error {
  const about = subject === '' ? '' : ` '${subject}'`;
  const error = new Error(`${code}: ${texts[code]}, ${syscall}${about}`);
  return Object.assign(error, { code, errno: -(numbers[code] ?? 0), syscall });
}
