import { expect, test } from 'vitest';
import { behindError, farBehindError } from '../../../src/correlate/refusals.js';
import type { CorrelateOptions } from '../../../src/correlate/result.js';
import { defaultHintFormat } from '../../../src/hints/hint.js';
import type { ReplicaStatus } from '../../../src/mysql/replica-status.js';
import { WaymarkError } from '../../../src/util/errors.js';
import { channelOf, lookOf } from '../repoint/looks.js';

function options(...channels: ReplicaStatus[]): CorrelateOptions {
  return {
    from: lookOf(3),
    at: { file: 'mysql-bin.000001', position: 400 },
    to: lookOf(2, {}, channels),
    format: defaultHintFormat,
    signal: new AbortController().signal,
  };
}

test('only a server that gets more is worth waiting for', () => {
  const what = 'db2:3306 is behind mysql-bin.000001:400 on db3:3306: it lacks 0 of the transactions ';
  expect(behindError([], options(channelOf())).message).toBe(
    `${what}before that place. Wait until it has them, or choose another server`,
  );
  expect(behindError([], options(channelOf({ receiverRunning: false }))).message).toBe(
    `${what}before that place. Its replication stands still: start it, or choose another server`,
  );
  expect(behindError([], options()).message).toBe(
    `${what}before that place. It replicates from no server, so they never arrive: move it below db3:3306, or choose ` +
      'another server',
  );
  const cause = new WaymarkError('behind', 'db2:3306 has not got it');
  expect(farBehindError(cause, options()).message).toMatch(/: move it below db3:3306/);
});
