import { formatAddress } from '../config/address.js';
import { type FilterPatterns, tableFilter } from '../config/table-filter.js';
import { type Cascade, readUnloggedCascades, type UnloggedCascades } from '../preflight/cascades.js';
import { readTablesWithUnlogged, type TableWithUnlogged } from '../preflight/generated-columns.js';
import { askServer, longListBytes } from '../mysql/ask.js';
import type { Instance } from '../mysql/instance.js';
import type { PreflightReport } from '../preflight/preflight.js';
import { isBinlogServer } from '../mysql/server-facts.js';
import { isOfServer } from '../mysql/server-error.js';
import { countOf } from '../util/quantities.js';
import { marked } from './start-verdict.js';
import type { CheckFinding } from './check-finding.js';

/** What a server said of changes that are not in its log. */
export type SeenUnlogged = {
  readonly server: string;
  /** Foreign keys' changes; null when it logs them, or was not asked. */
  readonly unlogged: UnloggedCascades | null;
  /** Generated columns of updated and deleted rows. */
  readonly tables: readonly TableWithUnlogged[];
  /** Why that could not be read; null when they could. */
  readonly failure: string | null;
};

/** MariaDB opens every table to list foreign keys. */
const askMs = 20_000;

/**
 * Asks a server for the foreign keys whose changes are missing from its binary log, and for the tables that have columns
 * which are.
 * @throws the signal's reason when it fires; nothing for what is wrong at the server, which is found elsewhere.
 */
export async function readUnlogged(
  instance: Instance,
  { state }: PreflightReport,
  signal: AbortSignal,
): Promise<SeenUnlogged> {
  const server = formatAddress(instance.address);
  if (state === null || isBinlogServer(state.facts)) return notAsked(server);
  const question = {
    ...{ purpose: 'list its foreign keys and generated columns', signal, limitMs: askMs },
    maximumAnswerBytes: longListBytes,
  };
  try {
    const { version } = state.facts;
    return await askServer(instance, question, async (connection) => ({
      server,
      unlogged: await readUnloggedCascades(connection, version),
      tables: await readTablesWithUnlogged(connection, version),
      failure: null,
    }));
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfServer(error)) throw error;
    return { server, unlogged: null, tables: [], failure: error.message };
  }
}

/** Of a server that can't be asked, or has none. */
function notAsked(server: string): SeenUnlogged {
  return { server, unlogged: null, tables: [], failure: null };
}

/** So many tables are named. */
const mostNamed = 10;

/** What there is to say of the foreign keys of a pool. Pure. */
export function cascadeFindings(
  servers: readonly SeenUnlogged[],
  tables: FilterPatterns,
): { findings: CheckFinding[]; notes: string[] } {
  const filter = tableFilter(tables);
  const delivered = ({ schema, name }: Cascade): boolean => filter.table(schema, name);
  const affected = servers.filter(({ unlogged }) => unlogged?.cascades.some(delivered));
  const notes = servers.flatMap(({ server, unlogged, failure }) => {
    if (failure !== null)
      return [`the foreign keys and generated columns of ${server} could not be read: ${failure}`];
    if (unlogged?.seen !== false) return [];
    const fix = 'GRANT REFERENCES ON *.* allows it, and does not let the account read rows';
    return [
      `this account can't see which tables have foreign keys on ${server}, which doesn't log what they change: ${fix}`,
    ];
  });
  if (affected.length === 0) return { findings: [], notes };
  const cascades = affected.flatMap(({ unlogged }) => unlogged?.cascades.filter(delivered) ?? []);
  const finding = marked({
    server: null,
    severity: 'warning',
    code: 'foreign-key-cascades',
    message:
      `Changes by foreign keys are not in the binary log of ${affected.map(({ server }) => server).join(', ')}, ` +
      `so they are not delivered: ${named(cascades)}`,
    fix: 'MySQL 9.6 and later can log them. Triggers or the application can make them instead. See docs/limits.md, "Foreign keys"',
  });
  return { findings: [finding], notes };
}

/**
 * What there is to say of generated columns. Pure.
 * @param rowImage where rows that lack columns may come, there is nothing.
 */
export function generatedColumnFindings(
  servers: readonly SeenUnlogged[],
  tables: FilterPatterns,
  rowImage: 'full' | 'any',
): CheckFinding[] {
  if (rowImage === 'any') return [];
  const filter = tableFilter(tables);
  const delivered = ({ schema, name }: TableWithUnlogged): boolean => filter.table(schema, name);
  const affected = servers.filter((seen) => seen.tables.some(delivered));
  if (affected.length === 0) return [];
  const texts = affected.flatMap((seen) =>
    seen.tables
      .filter(delivered)
      .map(({ schema, name, columns }) => `${schema}.${name} (${columns.join(', ')})`),
  );
  return [
    marked({
      server: null,
      severity: 'warning',
      code: 'generated-columns',
      message:
        `${affected.map(({ server }) => server).join(', ')}: this version of MariaDB may leave generated columns out of ` +
        `updated and deleted rows in its binary log. The stream stops at such a row: ${listed(texts)}`,
      fix: 'Set "rowImage: any": such rows are delivered without these columns, marked as partial',
    }),
  ];
}

function named(cascades: readonly Cascade[]): string {
  return listed(
    cascades.map(
      ({ table, constraint, refersTo, rules }) =>
        `${table} (${constraint} on ${refersTo}, ${rules.join(', ')})`,
    ),
  );
}

function listed(texts: readonly string[]): string {
  const different = [...new Set(texts)].toSorted();
  const more = different.length - mostNamed;
  const shown = different.slice(0, mostNamed).join('; ');
  return more > 0 ? `${shown}; and ${countOf(more, 'more', 'more')}` : shown;
}
