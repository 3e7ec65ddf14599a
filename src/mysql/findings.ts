import { type ErrorCode, WaymarkError } from '../util/errors.js';

/** What preflight can find at a server or between the servers of a pool. */
export type PreflightCode =
  | 'server-unreachable'
  | 'access-denied'
  | 'missing-grant'
  | 'old-version'
  | 'binary-log-off'
  | 'binlog-format'
  | 'binlog-row-image'
  | 'binlog-row-metadata'
  | 'partial-json'
  | 'no-log-updates'
  | 'replication-filters'
  | 'replication-delayed'
  | 'replication-stopped'
  | 'replication-lag'
  | 'commit-order'
  | 'server-id'
  | 'duplicate-server-id'
  | 'duplicate-server'
  | 'clock';

/** Something that is wrong, and what to do about it. */
export type Finding<Code extends string = PreflightCode> = {
  /** `host:port`; null when it belongs to no server. */
  readonly server: string | null;
  /** `error`: waymark can't work, or not correctly, with this. `warning`: it can; the message says what is lost. */
  readonly severity: 'error' | 'warning';
  readonly code: Code;
  readonly message: string;
  readonly fix: string;
};

/** The errors among the findings: what makes a server unsuitable. */
export function preflightErrors<Code extends string>(findings: readonly Finding<Code>[]): Finding<Code>[] {
  return findings.filter(({ severity }) => severity === 'error');
}

/** The findings' errors as one error to stop with, in the words in which `check` says them; null when there are none. */
export function preflightRefusal(findings: readonly Finding[]): WaymarkError | null {
  const errors = preflightErrors(findings);
  const [first] = errors;
  if (first === undefined) return null;
  const sentence = ({ message, fix }: Finding): string => `${message}. ${fix}`;
  const message =
    errors.length === 1 ? sentence(first) : errors.map((error) => `\n  - ${sentence(error)}`).join('');
  return new WaymarkError(
    errors.every(({ code }) => code === first.code) ? errorCodeOf(first.code) : 'unsuitable-server',
    errors.length === 1 ? message : `${String(errors.length)} things are in the way:${message}`,
    { details: { ...(first.server === null ? {} : { server: first.server }), findings: errors } },
  );
}

function errorCodeOf(code: PreflightCode): ErrorCode {
  switch (code) {
    case 'server-unreachable':
    case 'access-denied':
    case 'missing-grant':
      return code;
    case 'old-version':
    case 'binary-log-off':
    case 'binlog-format':
    case 'binlog-row-image':
    case 'binlog-row-metadata':
    case 'partial-json':
    case 'no-log-updates':
    case 'replication-filters':
    case 'replication-delayed':
    case 'replication-stopped':
    case 'replication-lag':
    case 'commit-order':
    case 'server-id':
    case 'duplicate-server-id':
    case 'duplicate-server':
    case 'clock':
      return 'unsuitable-server';
  }
}
