import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds } from '../integration/fixtures/log-reading.js';
import { startServer, type TestServer } from '../servers/index.js';
import { type AuditedRow, AuditRun, schema } from './audit-run.js';
import { type Case, cases } from './cases.js';
import { isSince } from './samples.js';
import { cellDifferences, changesOf, type Snapshot, takeSnapshot } from './snapshot.js';

const metadata = { mysql: ['FULL', 'MINIMAL'], mariadb: ['FULL', 'NO_LOG'] } as const;

/** What a statement that changes rows did, as the server tells it. */
type Step = { readonly statement: string; readonly before: Snapshot; readonly after: Snapshot };

const changesRows = (statement: string): boolean =>
  /^(\/\*.*?\*\/ *)?(INSERT|UPDATE|DELETE|REPLACE)\b|^CREATE TABLE .* SELECT /i.test(statement);

for (const kind of kinds.filter(({ name }) => name !== 'MySQL without GTIDs')) {
  describe.skipIf(!kind.supported)(
    `what readers stumble over, on ${kind.vendor}`,
    { timeout: 240_000 },
    () => {
      let server: TestServer;
      let compared = 0;

      beforeAll(async () => {
        server = await startServer({
          vendor: kind.vendor,
          settings: { ...kind.settings, sql_mode: 'NO_ENGINE_SUBSTITUTION', max_allowed_packet: '64M' },
        });
        await server.query(`CREATE DATABASE ${schema}`);
      });

      afterAll(async () => {
        console.log(`${compared} cells held against SELECT`);
        await server.stop();
      });

      /** Carries a case out; gives what each statement that changes rows did. */
      async function play(one: Case, database: string, audit: AuditRun): Promise<Step[]> {
        const { options = 'CHARACTER SET utf8mb4', statements } = one;
        const name = `\`${database.replaceAll('`', '``')}\``;
        await server.query(`CREATE DATABASE ${name} ${options}`);
        // A session of its own: what it sets is gone with it.
        const session = await server.connect();
        await session.query(`USE ${name}`);
        const steps: Step[] = [];
        for (const written of statements) {
          const statement = written.replaceAll('a_case', database);
          if (!changesRows(statement)) {
            await audit.caughtUp();
            await session.query(statement);
            continue;
          }
          const before = await takeSnapshot(server, database);
          await session.query(statement);
          steps.push({ statement, before, after: await takeSnapshot(server, database) });
        }
        await session.end();
        return steps;
      }

      /** Holds the rows of a case's audit against what each statement did; gives what differs. */
      function hold(steps: readonly Step[], rows: readonly AuditedRow[]): string[] {
        const wrong: string[] = [];
        let next = 0;
        for (const { statement, before, after } of steps) {
          const due = changesOf(before, after);
          expect(due.gone.size + due.come.size, statement).toBeGreaterThan(0);
          while (due.gone.size > 0 || due.come.size > 0) {
            const row = rows[next];
            next += 1;
            if (row === undefined)
              return [...wrong, `${statement}: ${due.gone.size + due.come.size} images are missing`];
            if (!row.proved) wrong.push(`${statement}: a row that isn't proved`);
            for (const [image, snapshot, left] of [
              [row.before, before, due.gone],
              [row.after, after, due.come],
            ] as const) {
              if (image === null) continue;
              const { differences, key, cells } = cellDifferences({ ...row, image }, snapshot);
              compared += cells;
              wrong.push(...differences.map((text) => `${statement}: ${text}`));
              if (key !== null && !left.delete(key)) wrong.push(`${statement}: ${key} has not changed`);
              else if (key === null) left.clear();
            }
          }
        }
        if (next < rows.length) wrong.push(`${rows.length - next} rows more than were changed`);
        return wrong;
      }

      describe.each(metadata[kind.vendor])('binlog_row_metadata=%s', (setting) => {
        const ours = cases.filter(({ only }) => only === undefined || only === kind.vendor);
        const databaseOf = (one: Case): string => one.database ?? `a_case_${ours.indexOf(one)}`;
        const played = new Map<Case, Step[]>();
        let rows: AuditedRow[] = [];

        beforeAll(async () => {
          await server.query(`SET GLOBAL binlog_row_metadata = ${setting}`);
          // It logs generated columns of new rows alone.
          const rowImage = kind.vendor === 'mariadb' && isSince(server, [11, 4]) ? 'any' : 'full';
          const audit = await AuditRun.start(server, {
            config: { filter: { include: ['*.*'] }, rowImage },
          });
          try {
            for (const one of ours) {
              if (!isSince(server, one.since)) continue;
              const steps = await play(one, databaseOf(one), audit).catch((cause: unknown) => {
                throw new Error(one.what, { cause });
              });
              played.set(one, steps);
            }
            rows = await audit.end();
          } finally {
            await audit.release();
            for (const one of ours) {
              await server.query(`DROP DATABASE IF EXISTS \`${databaseOf(one).replaceAll('`', '``')}\``);
            }
          }
        }, 240_000);

        test.for(ours)('$what', (one, { skip }) => {
          const steps = played.get(one);
          if (steps === undefined) return skip('the server is too old for it');
          const own = rows.filter((row) => row.schema === databaseOf(one));
          expect(hold(steps, own)).toEqual([]);
        });
      });
    },
  );
}
