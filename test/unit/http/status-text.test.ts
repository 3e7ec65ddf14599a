import { expect, test } from 'vitest';
import type { AgentStatus } from '../../../src/failover/status.js';
import { renderStatus } from '../../../src/http/status-text.js';
import { sampleStatus } from './status-samples.js';

test('a stream that is read', () => {
  expect(renderStatus(sampleStatus)).toBe(
    `shop-audit: ✓ healthy
  state       streaming from 127.0.0.1:3402 (healthy) since 2026-11-21T20:14:53.000Z
  at          mysql-bin.000018:4711
  hint        asc:6B01F8DB:0000000000000006:317ACA46, 2 s old, 3 transactions since
  injector    ops1/7/0a0b0c0d, seen since 2026-11-21T20:00:00.000Z; waiting: ops2/8/0a0b0c0e; the last hint was injected on 127.0.0.1:3400
  lag         3 s behind the source, 0 bytes of the server's log to read
  last match  exact
  delivered   10 changes in 5 transactions, 12.3 kB read
  left out    errant transactions of replicas: 1
  trail       1,024 transactions, 2 hints
  shadow      127.0.0.1:3403, 2 transactions ahead, 0 behind, 2.0 kB kept
  checkpoint  saved 1 s ago
  sink        waits for more

members
  → 127.0.0.1:3402  healthy  replica of 127.0.0.1:3400  lag 3 s  priority 10
    127.0.0.1:3401  dead
    127.0.0.1:3401: its port refuses connections
    127.0.0.1:3401: the stream can't go on there: it was lost 3 s ago (failover.cooldown is 30 s)
    127.0.0.1:3401: proved equal until 2026-11-21T20:14:53.000Z: 1,234 transactions since 2026-11-21T20:00:00.000Z

last switches
  2026-11-21T20:14:53.000Z  127.0.0.1:3401 → 127.0.0.1:3402  dead, exact, blackout 291 ms (detect 20 ms, choose 30 ms, locate 40 ms, verify 180 ms, first record 21 ms)`,
  );
});

test('who injects: as far as it is known', () => {
  const line = (injector: AgentStatus['injector']): string | undefined =>
    renderStatus({ ...sampleStatus, injector })
      .split('\n')
      .find((text) => text.startsWith('  injector'));
  expect(line({ lease: null, server: null, serverId: null })).toBeUndefined();
  expect(line({ lease: null, server: null, serverId: 7 })).toBe(
    '  injector    the last hint was injected on the server with server_id 7',
  );
  const free = { holder: null, since: null, waiting: null };
  expect(line({ lease: free, server: null, serverId: null })).toBe(
    '  injector    no `waymark inject --pool` holds the lease',
  );
});

test('one that we stand by for: only what we can know of it', () => {
  const text = renderStatus({ ...sampleStatus, phase: { kind: 'standby', since: 0, leader: 'db1/7/0a' } });
  expect(text).toContain('standing by since 1970-01-01T00:00:00.000Z; leader: db1/7/0a');
  expect(text).toMatch(/^ {2}trail /m);
  expect(text).not.toMatch(/^ {2}(lag|delivered|checkpoint|sink) /m);
});

test('one that is not', () => {
  const lost: AgentStatus = {
    ...sampleStatus,
    ...{ healthy: false, unhealthyBecause: 'db1 is lost' },
    phase: { kind: 'searching', lost: 'db1', finding: 'unreachable', since: 0 },
    ...{ coordinates: null, hint: null, lag: { seconds: null, bytes: null }, confidence: null },
    ...{ members: [], switches: [] },
    checkpoint: {
      savedAt: null,
      ageSeconds: null,
      failures: 3,
      droppedEntries: 0,
      failing: { seconds: 40, reason: 'ZooKeeper is away' },
    },
    sink: { backlog: 1200, busyMs: 80, trouble: null },
  };
  const text = renderStatus(lost);
  expect(text).toContain('shop-audit: ✗ db1 is lost\n');
  expect(text).toContain('looking for another server than db1 (unreachable) since 1970-01-01T00:00:00.000Z');
  expect(text).toContain('none yet: until one arrives, the loss of the server is an error');
  expect(text).toContain("none yet, 3 failures, can't be saved for 40 s: ZooKeeper is away");
  expect(text).toContain('at 1,200 records for 80 ms');
  expect(text).toContain('last switches\n  none');
});
