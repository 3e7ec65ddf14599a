import { expect, test } from 'vitest';
import { type AuditRecord, readAudit } from '../../support/audit.js';
import { scenario } from '../../support/scenario.js';

test('XA: prepared rows are marked, outcomes are records; the replica is killed between the two', async () => {
  await scenario({}, async (stage) => {
    await stage.startAgent();
    await stage.startLoad({ rate: 20 });
    await stage.delivered(50);
    /** On a connection of its own: MariaDB's can't begin another transaction while one that it prepared is open. */
    const run = async (...statements: readonly string[]): Promise<void> => {
      const connection = await stage.source.connect({ database: 'shop' });
      for (const sql of statements) await connection.query(sql);
      await connection.end();
    };
    const prepare = (name: string): string[] => [
      `XA START '${name}'`,
      `INSERT INTO journal VALUES (90, NULL, '${name}'), (91, NULL, '${name}')`,
      `XA END '${name}'`,
      `XA PREPARE '${name}'`,
    ];
    await run(...prepare('kept'));
    await run(...prepare('undone'), "XA ROLLBACK 'undone'");
    await run(...prepare('once').slice(0, 3), "XA COMMIT 'once' ONE PHASE");
    await stage.level();
    await stage.hints.next();
    await stage.replica(0).kill();
    await stage.switched(stage.replica(1));
    await run("XA COMMIT 'kept'");
    await stage.load.stop();
    await stage.level();
    await stage.stopAgent();

    const told: string[] = [];
    const ids = new Set<string>();
    const add = ({ id, type, after, xid, outcome, tx }: AuditRecord): void => {
      expect(ids.has(id)).toBe(false);
      ids.add(id);
      const note = after?.['note'];
      if (type === 'xa') told.push(`${outcome} of ${xid}`);
      else if (note === 'kept' || note === 'undone' || note === 'once') told.push(`${note} ${tx.xa ?? ''}`);
    };
    for await (const record of readAudit(stage.audit)) add(record);
    const [kept, undone] = ["X'6b657074',X'',1", "X'756e646f6e65',X'',1"];
    expect(told).toEqual([
      ...[`kept ${kept}`, `kept ${kept}`, `undone ${undone}`, `undone ${undone}`, `rollback of ${undone}`],
      ...['once ', 'once ', `commit of ${kept}`],
    ]);
    for (const event of stage.switches()) expect(event['confidence'], JSON.stringify(event)).toBe('exact');
  });
});
