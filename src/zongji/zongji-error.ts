import { messageOf, WaymarkError } from '../util/errors.js';

/** An error as zongji's programs know them: mysql2's codes; the error of waymark that says more is its cause. */
export class ZongJiError extends Error {
  override readonly name = 'ZongJiError';
  /** mysql2's code (`PROTOCOL_CONNECTION_LOST`, `ECONNREFUSED`, …); waymark's own where mysql2 has none. */
  readonly code: string;
  /** The number of the error that the server has sent. */
  declare readonly errno?: number;
  declare readonly sqlState?: string;
  /** Whether the connection is over. */
  readonly fatal: boolean;

  constructor(
    cause: unknown,
    { code, errno, sqlState, fatal }: Pick<ZongJiError, 'code' | 'errno' | 'sqlState' | 'fatal'>,
  ) {
    super(messageOf(cause), { cause });
    this.code = code;
    if (errno !== undefined) this.errno = errno;
    if (sqlState !== undefined) this.sqlState = sqlState;
    this.fatal = fatal;
  }
}

/** ER_MASTER_FATAL_ERROR_READING_BINLOG (MySQL); MariaDB has another name for the same number. */
const cantReadLog = 'ER_MASTER_FATAL_ERROR_READING_BINLOG';

/** An error of ours as one of zongji's; a fatal one ends reading. */
export function zongJiError(error: unknown, fatal: boolean): Error {
  if (error instanceof ZongJiError) return error;
  if (!(error instanceof WaymarkError)) return error instanceof Error ? error : new Error(messageOf(error));
  const given = codeOfClient(error.cause);
  const { errorNumber } = error.details;
  const errno = typeof errorNumber === 'number' ? errorNumber : given?.errno;
  return new ZongJiError(error, {
    code: given?.code ?? codeOf(error),
    ...(errno === undefined ? {} : { errno }),
    ...(given?.sqlState === undefined ? {} : { sqlState: given.sqlState }),
    fatal,
  });
}

function codeOf({ code }: WaymarkError): string {
  if (code === 'stream-broken' || code === 'stream-silent') return 'PROTOCOL_CONNECTION_LOST';
  return code === 'coordinates' ? cantReadLog : code;
}

/** What mysql2 or Node has said. */
function codeOfClient(cause: unknown): { code: string; errno?: number; sqlState?: string } | null {
  if (!(cause instanceof Error) || cause instanceof WaymarkError) return null;
  if (!('code' in cause) || typeof cause.code !== 'string') return null;
  const errno = 'errno' in cause && typeof cause.errno === 'number' ? { errno: cause.errno } : {};
  const state = 'sqlState' in cause && typeof cause.sqlState === 'string' ? { sqlState: cause.sqlState } : {};
  return { code: cause.code, ...errno, ...state };
}
