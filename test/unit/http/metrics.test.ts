import { expect, test } from 'vitest';
import { Metrics } from '../../../src/http/metrics.js';
import { sampleStatus, sampleSwitch } from './status-samples.js';

/** Samples by name and labels. */
async function samples(metrics: Metrics, statuses = [sampleStatus]): Promise<Map<string, number>> {
  const text = await metrics.text(statuses);
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const space = line.lastIndexOf(' ');
        return [line.slice(0, space), Number(line.slice(space + 1))];
      }),
  );
}

const stream = 'stream="shop-audit"';

test('what a stream is like is read from its status', async () => {
  const read = await samples(new Metrics());
  const expected = {
    waymark_rows_total: 10,
    waymark_transactions_total: 5,
    waymark_received_bytes_total: 12_345,
    waymark_passed_over_transactions_total: 12,
    waymark_errant_transactions_total: 1,
    waymark_checkpoint_failures_total: 0,
    waymark_healthy: 1,
    waymark_ready: 1,
    waymark_lag_seconds: 3,
    waymark_lag_bytes: 0,
    waymark_silence_seconds: 0.12,
    waymark_hint_age_seconds: 2,
    waymark_trail_transactions: 1024,
    waymark_trail_hints: 2,
    waymark_checkpoint_age_seconds: 1,
    waymark_sink_backlog_records: 0,
    waymark_sink_busy_seconds: 0,
  };
  for (const [name, value] of Object.entries(expected))
    expect(read.get(`${name}{${stream}}`), name).toBe(value);
  expect(read.get(`waymark_members{${stream},finding="healthy"}`)).toBe(1);
  expect(read.get(`waymark_members{${stream},finding="dead"}`)).toBe(1);
  expect(read.get(`waymark_member_equal_until_seconds{${stream},server="127.0.0.1:3401"}`)).toBe(
    Date.UTC(2026, 10, 21, 20, 14, 53) / 1000,
  );
});

test('what is not known is left out, and nothing of an earlier scrape stays', async () => {
  const metrics = new Metrics();
  await samples(metrics);
  const unknown = {
    ...sampleStatus,
    ...{
      records: 11,
      lag: { seconds: null, bytes: null },
      hintAgeSeconds: null,
      silentMs: null,
      members: [],
    },
  };
  const read = await samples(metrics, [unknown]);
  expect(read.get(`waymark_rows_total{${stream}}`)).toBe(11);
  for (const name of read.keys()) expect(name).not.toMatch(/_lag_|hint_age|silence|waymark_member/);
});

test('what happens is counted', async () => {
  const metrics = new Metrics();
  const meters = metrics.meters('shop-audit');
  meters.switched(sampleSwitch);
  meters.level(291);
  meters.switched({ ...sampleSwitch, confidence: 'reordered' });
  meters.level(3200);
  meters.switched({ ...sampleSwitch, finding: 'planned', confidence: null });
  meters.delivered(0.002);
  const read = await samples(metrics);
  const switches = (finding: string, confidence: string): number | undefined =>
    read.get(`waymark_switches_total{${stream},finding="${finding}",confidence="${confidence}"}`);
  expect(switches('dead', 'exact')).toBe(1);
  expect(switches('dead', 'reordered')).toBe(1);
  expect(switches('planned', 'none')).toBe(1);
  expect(read.get(`waymark_blackout_seconds_bucket{le="0.5",${stream}}`)).toBe(1);
  expect(read.get(`waymark_blackout_seconds_bucket{le="3.5",${stream}}`)).toBe(2);
  expect(read.get(`waymark_blackout_seconds_count{${stream}}`)).toBe(2);
  expect(read.get(`waymark_sink_latency_seconds_bucket{le="0.005",${stream}}`)).toBe(1);
});

test('several streams stand side by side; several agents in one process know nothing of each other', async () => {
  const metrics = new Metrics();
  metrics.meters('a').level(100);
  const both = await samples(metrics, [
    { ...sampleStatus, stream: 'a', records: 1 },
    { ...sampleStatus, stream: 'b', records: 2 },
  ]);
  expect(both.get('waymark_rows_total{stream="a"}')).toBe(1);
  expect(both.get('waymark_rows_total{stream="b"}')).toBe(2);
  expect((await samples(new Metrics())).has('waymark_blackout_seconds_count{stream="a"}')).toBe(false);
});

test('the names keep the conventions: a unit or _total, a type and a help text', async () => {
  const text = await new Metrics().text([sampleStatus]);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name: name ?? '',
    type,
  }));
  expect(types.length).toBeGreaterThan(15);
  for (const { name, type } of types) {
    expect(name).toMatch(/^waymark_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(text).toMatch(new RegExp(`^# HELP ${name} [A-Z0-9]`, 'm'));
  }
});
