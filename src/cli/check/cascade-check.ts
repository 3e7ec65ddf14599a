import { formatAddress } from '../../config/address.js';
import { type FilterPatterns, tableFilter } from '../../config/table-filter.js';
import { type Cascade, readUnloggedCascades, type UnloggedCascades } from '../../mysql/cascades.js';
import { askServer } from '../../mysql/ask.js';
import type { Instance } from '../../mysql/instance.js';
import type { ServerReport } from '../../mysql/preflight.js';
import { isBinlogServer } from '../../mysql/server.js';
import { isOfServer } from '../../mysql/server-error.js';
import { countOf } from '../../util/quantities.js';
import { marked } from '../../conditions/at-start.js';
import type { CheckFinding } from '../../conditions/finding.js';

/** What a server said of its foreign keys. */
export type SeenCascades = {
  readonly server: string;
  /** Null when it logs what they change, or was not asked. */
  readonly unlogged: UnloggedCascades | null;
  /** Why they could not be read; null when they could. */
  readonly failure: string | null;
};

/** MariaDB opens every table to list foreign keys. */
const askMs = 20_000;

/**
 * Asks a server for the foreign keys whose changes are missing from its binary log.
 * @throws the signal's reason when it fires; nothing for what is wrong at the server, which is found elsewhere.
 */
export async function readCascades(
  instance: Instance,
  { state }: ServerReport,
  signal: AbortSignal,
): Promise<SeenCascades> {
  const server = formatAddress(instance.address);
  if (state === null || isBinlogServer(state.facts)) return notAsked(server);
  const question = { purpose: 'list its foreign keys', signal, limitMs: askMs };
  try {
    const unlogged = await askServer(instance, question, (connection) =>
      readUnloggedCascades(connection, state.facts.version),
    );
    return { server, unlogged, failure: null };
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfServer(error)) throw error;
    return { server, unlogged: null, failure: error.message };
  }
}

/** Of a server that can't be asked, or has none. */
function notAsked(server: string): SeenCascades {
  return { server, unlogged: null, failure: null };
}

/** So many tables are named. */
const mostNamed = 10;

/** What there is to say of the foreign keys of a pool. Pure. */
export function cascadeFindings(
  servers: readonly SeenCascades[],
  tables: FilterPatterns,
): { findings: CheckFinding[]; notes: string[] } {
  const filter = tableFilter(tables);
  const delivered = ({ schema, name }: Cascade): boolean => filter.table(schema, name);
  const affected = servers.filter(({ unlogged }) => unlogged?.cascades.some(delivered));
  const notes = servers.flatMap(({ server, unlogged, failure }) => {
    if (failure !== null) return [`the foreign keys of ${server} could not be read: ${failure}`];
    if (unlogged?.seen !== false) return [];
    const fix = 'GRANT REFERENCES ON *.* lets it, without a look at any row';
    return [
      `the foreign keys of ${server}, whose changes it doesn't log, can't be seen by this account: ${fix}`,
    ];
  });
  if (affected.length === 0) return { findings: [], notes };
  const cascades = affected.flatMap(({ unlogged }) => unlogged?.cascades.filter(delivered) ?? []);
  const finding = marked({
    server: null,
    severity: 'warning',
    code: 'foreign-key-cascades',
    message:
      `What foreign keys change is not in the binary log of ${affected.map(({ server }) => server).join(', ')}, ` +
      `and so not delivered: ${named(cascades)}`,
    fix: 'See docs/limits.md, "Foreign keys": MySQL 9.6 and later can log it, triggers or the application can do it instead',
  });
  return { findings: [finding], notes };
}

function named(cascades: readonly Cascade[]): string {
  const texts = cascades.map(
    ({ table, constraint, refersTo, rules }) =>
      `${table} (${constraint} on ${refersTo}, ${rules.join(', ')})`,
  );
  const different = [...new Set(texts)].toSorted();
  const more = different.length - mostNamed;
  const shown = different.slice(0, mostNamed).join('; ');
  return more > 0 ? `${shown}; and ${countOf(more, 'more', 'more')}` : shown;
}
