import Original from '@vlasky/zongji';
import { once } from 'node:events';
import ZongJi from '../../src/zongji/index.js';
import { type AuditRun, schema } from './audit-run.js';
import type { TestServer } from '../servers/index.js';
import { until } from '../servers/wait.js';

/** A row's images as zongji gives them: one, or of an update two. */
export type ZongJiRow = { readonly table: string; readonly images: readonly Record<string, unknown>[] };

let serverId = 4_200_000;

/** All rows of an audit's part of the log, as zongji has them or as our class of its interface has. */
export async function zongjiRows(
  server: TestServer,
  { start, endName }: Pick<AuditRun, 'start' | 'endName'>,
  tables: readonly string[],
  whose: 'zongji' | 'ours',
): Promise<ZongJiRow[]> {
  const { host, port, user, password } = server;
  const zongji = readerOf(whose, { host, port, user, password, dateStrings: true, timezone: 'Z' });
  const rows: ZongJiRow[] = [];
  const errors: unknown[] = [];
  let ended = false;
  zongji.on('error', (error) => errors.push(error));
  zongji.on('binlog', (event) => {
    if ('query' in event && event.query.includes(endName)) ended = true;
    if (!('rows' in event && 'tableMap' in event && 'tableId' in event)) return;
    const { tableId, tableMap } = event as {
      tableId: number;
      tableMap: Record<number, { tableName: string }>;
    };
    const table = tableMap[tableId]?.tableName ?? '';
    for (const row of event.rows as Record<string, unknown>[]) {
      const isUpdate = event.getEventName() === 'updaterows';
      const images = isUpdate ? [row['before'], row['after']] : [row];
      rows.push({ table, images: images as Record<string, unknown>[] });
    }
  });
  const ready = once(zongji, 'ready');
  serverId += 1;
  zongji.start({
    serverId,
    filename: start.file,
    position: start.position,
    includeSchema: { [schema]: [...tables] },
    includeEvents: ['tablemap', 'query', 'writerows', 'updaterows', 'deleterows'],
  });
  await ready;
  const stopped = once(zongji, 'stopped');
  try {
    await until('the end has come', () => Promise.resolve(ended || errors.length > 0), { timeoutMs: 60_000 });
  } finally {
    zongji.stop();
    await stopped;
  }
  if (errors.length > 0) throw new Error(`${whose} failed`, { cause: errors[0] });
  return rows;
}

function readerOf(whose: 'zongji' | 'ours', connection: ConstructorParameters<typeof Original>[0]): ZongJi {
  const reader: unknown = whose === 'ours' ? new ZongJi(connection) : new Original(connection);
  // The same interface: that is what is compared.
  return reader as ZongJi;
}
