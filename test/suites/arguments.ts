/** What is to be run. */
export type Request =
  /** The unit tests and the core. */
  | { readonly what: 'core'; readonly options: readonly string[] }
  /** What vitest makes of these. */
  | { readonly what: 'some'; readonly options: readonly string[] }
  /** Everything on one kind of server; or each group on those that the commit draws, without the core. */
  | { readonly what: 'all'; readonly commit: string | null }
  /** Everything on every kind of server, or on these. */
  | { readonly what: 'full'; readonly kinds: readonly string[] }
  /** Unit tests, the demo and some scenarios on the newest Node.js. */
  | { readonly what: 'newest' };

/** What was called for in a way that isn't understood; the message says how it is done. */
export class UsageError extends Error {
  readonly code = 'usage';
}

const usage = {
  all: 'npm run test:all [-- --commit HASH]',
  full: 'npm run test:full [-- KIND...], where a kind is mariadb:10.11, mysql:9.7:gtid-off, …',
  newest: 'npm run test:newest',
} as const;

/** Reads the command line: the first word is from package.json, the others are the user's. */
export function readRequest([what = '', ...rest]: readonly string[]): Request {
  switch (what) {
    case 'test':
      return { what: rest.every(isOfReporting) ? 'core' : 'some', options: rest.map(verbose) };
    case 'all': {
      const [option, commit = null, ...others] = rest;
      if (option === undefined) return { what, commit: null };
      if (option !== '--commit' || commit === null || others.length > 0) throw new UsageError(usage.all);
      return { what, commit };
    }
    case 'full':
      if (rest.some((kind) => kind.startsWith('-'))) throw new UsageError(usage.full);
      return { what, kinds: rest };
    case 'newest':
      if (rest.length > 0) throw new UsageError(usage.newest);
      return { what };
    default:
      throw new UsageError(Object.values(usage).join('\n'));
  }
}

/** Whether tests are told of by a reporter that the user named. */
export function namesReporter(options: readonly string[]): boolean {
  return options.some((option) => option.startsWith('--reporter'));
}

/** Unit tests need neither servers nor the built command. */
export function isUnitOnly({ what, options }: Extract<Request, { what: 'core' | 'some' }>): boolean {
  const named = options.filter((option) => !option.startsWith('-'));
  return what === 'some' && named.length > 0 && named.every((name) => /^(\.\/)?test\/unit\b/.test(name));
}

function isOfReporting(option: string): boolean {
  return option === '--verbose' || option.startsWith('--reporter=');
}

function verbose(option: string): string {
  return option === '--verbose' ? '--reporter=verbose' : option;
}
