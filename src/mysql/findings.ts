import { type ErrorCode, WaymarkError } from '../util/errors.js';

/** What preflight can find at a server or between the servers of a pool, and the code of the error that it makes. */
const errorCodes = {
  'server-unreachable': 'server-unreachable',
  'access-denied': 'access-denied',
  'missing-grant': 'missing-grant',
  'old-version': 'unsuitable-server',
  'binary-log-off': 'unsuitable-server',
  'binlog-format': 'unsuitable-server',
  'binlog-row-image': 'unsuitable-server',
  'binlog-row-metadata': 'unsuitable-server',
  'partial-json': 'unsuitable-server',
  'no-log-updates': 'unsuitable-server',
  'replication-filters': 'unsuitable-server',
  'replication-delayed': 'unsuitable-server',
  'replication-stopped': 'unsuitable-server',
  'replication-lag': 'unsuitable-server',
  'commit-order': 'unsuitable-server',
  'server-id': 'unsuitable-server',
  'duplicate-server-id': 'unsuitable-server',
  'duplicate-server': 'unsuitable-server',
  clock: 'unsuitable-server',
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
export type Finding<Code extends string = PreflightCode> = {
  /** `host:port`; null when it belongs to no server. */
  readonly server: string | null;
  /** `error`: waymark can't work, or not correctly, with this. `warning`: it can; the message says what is lost. */
  readonly severity: 'error' | 'warning';
  readonly code: Code;
  readonly message: string;
  readonly fix: string;
  /** Facts that belong to it, where it came of an error that has some. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** The errors among the findings: what makes a server unsuitable. */
export function preflightErrors<Code extends string>(findings: readonly Finding<Code>[]): Finding<Code>[] {
  return findings.filter(({ severity }) => severity === 'error');
}

/** The findings' errors as one error to stop with, in the words in which `check` says them; null when there are none. */
export function preflightRefusal(findings: readonly Finding[]): WaymarkError | null {
  return refusalOf(preflightErrors(findings), errorCodeOf, 'unsuitable-server');
}

/**
 * Findings as one error that says all of them, each with what to do; null when there are none.
 * @param mixed the error's code where the findings have different ones.
 */
export function refusalOf<Code extends string>(
  findings: readonly Finding<Code>[],
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
      : `${sentences.length} things are in the way:${sentences.map((sentence) => `\n  - ${sentence}`).join('')}`;
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
