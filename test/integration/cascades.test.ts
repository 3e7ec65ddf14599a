import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { isMeant, type ServerSettings, startTopology, type Topology, type Vendor } from '../servers/index.js';
import { agentPrivileges } from '../support/grants.js';
import { documentOf, runWaymark } from '../unit/cli/waymark.js';
import { logsOf, newLog, readTransactions, shownEvents } from './fixtures/log-reading.js';

type Variant = {
  readonly name: string;
  readonly vendor: Vendor;
  readonly settings: ServerSettings;
  /** Whether the log has what foreign keys change. */
  readonly logs: boolean;
};

const variants: readonly Variant[] = [
  { name: 'MariaDB', vendor: 'mariadb', settings: {}, logs: false },
  {
    name: 'MySQL with innodb_native_foreign_keys=OFF',
    vendor: 'mysql',
    settings: { innodb_native_foreign_keys: 'OFF' },
    logs: true,
  },
  {
    name: 'MySQL with innodb_native_foreign_keys=ON',
    vendor: 'mysql',
    settings: { innodb_native_foreign_keys: 'ON' },
    logs: false,
  },
];

const parent = 'CREATE TABLE shop.orders (id INT PRIMARY KEY, code INT UNIQUE) ENGINE=InnoDB';
const children = [
  'CREATE TABLE shop.items (id INT PRIMARY KEY, o INT, CONSTRAINT fk_items FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE CASCADE) ENGINE=InnoDB',
  'CREATE TABLE other.notes (id INT PRIMARY KEY, o INT, CONSTRAINT fk_notes FOREIGN KEY (o) REFERENCES shop.orders (id) ON DELETE SET NULL) ENGINE=InnoDB',
  'CREATE TABLE shop.codes (id INT PRIMARY KEY, c INT, CONSTRAINT fk_codes FOREIGN KEY (c) REFERENCES shop.orders (code) ON UPDATE CASCADE) ENGINE=InnoDB',
  'CREATE TABLE shop.derived (id INT PRIMARY KEY, a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED) ENGINE=InnoDB',
  'CREATE TABLE shop.plain (id INT PRIMARY KEY, o INT, CONSTRAINT fk_plain FOREIGN KEY (o) REFERENCES shop.orders (id)) ENGINE=InnoDB',
];

for (const variant of variants) {
  describe.skipIf(!(await isMeant(variant.vendor)))(variant.name, () => {
    let topology: Topology;
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'waymark-cascades-'));
      const { vendor, settings } = variant;
      topology = await startTopology({ vendor, settings, replicas: [{}] });
      const { source } = topology;
      for (const sql of [
        ...['CREATE DATABASE shop', 'CREATE DATABASE other', parent, ...children],
        'INSERT INTO shop.orders VALUES (1, 10), (2, 20), (3, 30)',
        ...['INSERT INTO shop.items VALUES (1, 1), (2, 1), (3, 3)', 'INSERT INTO other.notes VALUES (1, 1)'],
        ...["CREATE USER waymark@'%' IDENTIFIED BY 'geheim'", "CREATE USER bare@'%' IDENTIFIED BY 'geheim'"],
        `GRANT ${agentPrivileges(source)}, REFERENCES ON *.* TO waymark@'%'`,
        `GRANT ${agentPrivileges(source)} ON *.* TO bare@'%'`,
      ]) {
        await source.query(sql);
      }
      await topology.waitForReplicas();
    }, 120_000);

    afterAll(async () => {
      await topology.stop();
      await rm(folder, { recursive: true, force: true });
    });

    /** The tables whose rows a statement changes, by the row events in the log of the source or its replica. */
    async function changedTables(sql: string, of: 'source' | 'replica'): Promise<string[]> {
      const server = of === 'source' ? topology.source : topology.replicas[0]!;
      // What was written before is in the log before.
      await topology.waitForReplicas();
      await newLog(server);
      await topology.source.query(sql);
      await topology.waitForReplicas();
      const { file = '' } = (await logsOf(server)).at(-1) ?? {};
      const names = new Map<string, string>();
      const changed = new Set<string>();
      for (const { type, info } of await shownEvents(server, file)) {
        const [, id = '', name = ''] = /^table_id: (\d+)(?: \((.*)\))?/.exec(info) ?? [];
        if (type === 'Table_map') names.set(id, name);
        if (type.includes('_rows') && id !== '') changed.add(names.get(id) ?? '');
      }
      return [...changed].toSorted();
    }

    async function check(user: string, include: readonly string[]) {
      const path = join(folder, 'waymark.yaml');
      const config = {
        ...{ stream: 'test', user, password: 'geheim', getServerPublicKey: true, filter: { include } },
        servers: [topology.source.address, topology.replicas[0]!.address],
        checkpoint: { store: 'file', path: join(folder, 'state') },
        sink: { type: 'file', path: join(folder, 'audit.ndjson') },
      };
      await writeFile(path, stringify(config));
      const result = await runWaymark(['check', '-c', path, '--json']);
      const document = documentOf(result) as unknown as {
        findings: { code: string; message: string; severity: string }[];
        notes: string[];
      };
      const found = document.findings.filter(({ code }) => code === 'foreign-key-cascades');
      const generated = document.findings.filter(({ code }) => code === 'generated-columns');
      return { found, generated, notes: document.notes };
    }

    test('the log is as check says', async () => {
      const cascaded = variant.logs ? ['other.notes', 'shop.items', 'shop.orders'] : ['shop.orders'];
      expect(await changedTables('DELETE FROM shop.orders WHERE id = 1', 'source')).toEqual(cascaded);
      // A replica changes the same, and logs what its source did.
      const updated = variant.logs ? ['shop.codes', 'shop.orders'] : ['shop.orders'];
      await topology.source.query('INSERT INTO shop.codes VALUES (1, 20)');
      expect(await changedTables('UPDATE shop.orders SET code = 21 WHERE id = 2', 'replica')).toEqual(
        updated,
      );
    });

    test('what a trigger deletes in its place is logged', async () => {
      await topology.source.query(
        'CREATE TRIGGER shop.first BEFORE DELETE ON shop.orders FOR EACH ROW DELETE FROM shop.items WHERE o = OLD.id',
      );
      const changed = await changedTables('DELETE FROM shop.orders WHERE id = 3', 'source');
      expect(changed).toEqual(expect.arrayContaining(['shop.items', 'shop.orders']));
    });

    test('check names tables with generated columns where the log leaves them out', async () => {
      const { source } = topology;
      await source.query('INSERT INTO shop.derived (id, a) VALUES (1, 1)');
      const start = await newLog(source);
      await source.query('UPDATE shop.derived SET a = 2');
      const complete: boolean[] = [];
      await readTransactions(source, start, {
        rows: (_open, event) => {
          complete.push(event.complete);
        },
      });
      expect(complete).toHaveLength(1);
      const { generated } = await check('waymark', ['shop.*']);
      expect(generated.length === 0).toBe(complete[0]);
      for (const { message } of generated) expect(message).toContain('shop.derived (v, s)');
    });

    test("check names the stream's tables that have such foreign keys", async () => {
      const { found, notes } = await check('waymark', ['shop.*']);
      expect(notes).toEqual([]);
      if (variant.logs) {
        expect(found).toEqual([]);
        return;
      }
      expect(found).toMatchObject([{ severity: 'warning' }]);
      expect(found[0]?.message).toContain(
        'shop.codes (fk_codes on shop.orders, ON UPDATE CASCADE); ' +
          'shop.items (fk_items on shop.orders, ON DELETE CASCADE)',
      );
      expect(found[0]?.message).not.toMatch(/other\.notes|shop\.plain/);
    });

    test("an account that can't see them is told so", async () => {
      const { found, notes } = await check('bare', ['*.*']);
      expect(found).toEqual([]);
      expect(notes).toHaveLength(variant.logs ? 0 : 2);
    });
  });
}
