import { type ErrorCode, WaymarkError } from '../util/errors.js';

/** The kinds of problems that preflight finds on a server or between servers, with the code of the error for each. */
const errorCodes = {
  'server-unreachable': 'server-unreachable',
  'access-denied': 'access-denied',
  'login-from-memory': 'access-denied',
  'missing-grant': 'missing-grant',
  'old-version': 'unsuitable-server',
  'binary-log-off': 'unsuitable-server',
  'binlog-format': 'unsuitable-server',
  'binlog-row-image': 'unsuitable-server',
  'binlog-row-metadata': 'unsuitable-server',
  'partial-json': 'unsuitable-server',
  'no-log-updates': 'unsuitable-server',
  'multi-source': 'unsuitable-server',
  'replication-filters': 'unsuitable-server',
  'replication-delayed': 'unsuitable-server',
  'replication-stopped': 'unsuitable-server',
  'replication-lag': 'unsuitable-server',
  'commit-order': 'unsuitable-server',
  'server-id': 'unsuitable-server',
  'duplicate-server-id': 'unsuitable-server',
  'duplicate-server': 'unsuitable-server',
  clock: 'unsuitable-server',
  'wsrep-gtid-mode': 'unsuitable-server',
  'no-common-gtids': 'unsuitable-server',
  'not-in-primary-component': 'unsuitable-server',
  'not-synced': 'unsuitable-server',
  'group-member-recovering': 'unsuitable-server',
  'group-member-error': 'unsuitable-server',
  'group-member-offline': 'unsuitable-server',
  'group-without-majority': 'unsuitable-server',
} as const satisfies Readonly<Record<string, ErrorCode>>;

export type PreflightCode = keyof typeof errorCodes;

/** Whether a finding's code is one of preflight's. */
export function isPreflightCode(code: string): code is PreflightCode {
  return code in errorCodes;
}

/** The code of the error of a server that preflight refuses. */
export function errorCodeOf(code: PreflightCode): ErrorCode {
  return errorCodes[code];
}

/** Something that is wrong, and what to do about it. */
export type PreflightFinding<Code extends string = PreflightCode> = {
  /** `host:port`. Null if it belongs to no server. */
  readonly server: string | null;
  /**
   * `error`: waymark can't work with this, or not correctly. `warning`: it can, and the message says what is lost.
   */
  readonly severity: 'error' | 'warning';
  readonly code: Code;
  readonly message: string;
  readonly fix: string;
  /** The details of the error that it came from, if any. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** The errors among the findings. They make a server unsuitable. */
export function preflightErrors<Code extends string>(
  findings: readonly PreflightFinding<Code>[],
): PreflightFinding<Code>[] {
  return findings.filter(({ severity }) => severity === 'error');
}

/**
 * One error to stop with, made from the errors among the findings, in the words of `check`. Null if there are none.
 */
export function preflightRefusal(findings: readonly PreflightFinding[]): WaymarkError | null {
  return refusalOf(preflightErrors(findings), errorCodeOf, 'unsuitable-server');
}

/**
 * One error that lists all findings, each with its remedy. Null if there are none.
 * @param mixed the error's code where the findings have different ones.
 */
export function refusalOf<Code extends string>(
  findings: readonly PreflightFinding<Code>[],
  codeOf: (code: Code) => ErrorCode,
  mixed: ErrorCode,
): WaymarkError | null {
  const [first] = findings;
  if (first === undefined) return null;
  const sentences = findings.map(({ message, fix }) => `${message.replace(/\.$/, '')}. ${fix}`);
  const [only, ...others] = sentences;
  const message =
    others.length === 0 && only !== undefined
      ? only
      : `${sentences.length} problems:${sentences.map((sentence) => `\n  - ${sentence}`).join('')}`;
  const code = codeOf(first.code);
  const same = findings.every((finding) => codeOf(finding.code) === code);
  return new WaymarkError(same ? code : mixed, message, {
    details: {
      ...(first.server === null ? {} : { server: first.server }),
      ...(findings.length === 1 ? first.details : {}),
      findings,
    },
  });
}
