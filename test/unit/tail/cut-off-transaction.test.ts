import { describe, expect, test } from 'vitest';
import { ContentDigest, runHead } from '../../../src/transactions/content-digest.js';
import type { OpenTransaction } from '../../../src/transactions/transaction.js';
import type { PartialTransaction } from '../../../src/matching/trail.js';
import { CutOffTransaction, ResemblanceError } from '../../../src/tail/cut-off-transaction.js';

const head = runHead({ schema: 'shop', table: 'orders' }, 'insert', 2);
const second = 1000;

/** Takes rows of one byte each. */
function take(digest: ContentDigest, rows: string): void {
  digest.rows(head, Buffer.from(rows));
}

const placeOf = (digest: ContentDigest) => ({ contentBytes: digest.bytes, digest: digest.value() });

/** Delivered of a transaction before its server died. */
function partialOf(rows: string, origin: string): PartialTransaction {
  const digest = new ContentDigest();
  take(digest, rows);
  return { second, origin, changes: rows.length, contentBytes: digest.bytes, digest: digest.value() };
}

function open(cutOff: CutOffTransaction, origin: string, position = 100): OpenTransaction {
  return {
    start: { file: 'mysql-bin.000001', position },
    gtid: null,
    xid: null,
    connection: null,
    origin,
    serverId: 1,
    second,
    digest: new ContentDigest(cutOff.probeBytes),
  };
}

const cutOffOf = (
  partial: PartialTransaction | null,
  options: { ordered?: boolean; notThese?: ReadonlySet<string> } = {},
): CutOffTransaction =>
  new CutOffTransaction(partial, {
    ordered: options.ordered ?? true,
    server: 'db2:3306',
    notThese: options.notThese ?? new Set(),
  });

/** Reads a transaction whose rows come in these events, as the tail does; gives the changes to pass over. */
function read(cutOff: CutOffTransaction, transaction: OpenTransaction, events: readonly string[]): number {
  const passOver = cutOff.changesToPassOver(transaction, transaction.second ?? 0);
  let count = 0;
  for (const rows of events) {
    cutOff.beforeContent(transaction, count, placeOf(transaction.digest));
    count += rows.length;
    take(transaction.digest, rows);
  }
  cutOff.beforeEnd(transaction, count);
  return passOver;
}

const diverged: unknown = expect.objectContaining({ code: 'diverged' });

describe.each(['g:0-1-7', 'c:1763755800123456', ''])('marked "%s"', (origin) => {
  test('the same transaction, its rows in other events: passed over and proved', () => {
    for (const events of [['abcdef'], ['abc', 'def'], ['a', 'b', 'c', 'd', 'e', 'f'], ['ab', 'cdef']]) {
      const cutOff = cutOffOf(partialOf('abc', origin));
      expect(read(cutOff, open(cutOff, origin), events)).toBe(3);
      expect(cutOff.partial).toBeNull();
    }
  });

  test('delivered to its last row, so that only its end was missing', () => {
    const cutOff = cutOffOf(partialOf('abc', origin));
    expect(read(cutOff, open(cutOff, origin), ['abc'])).toBe(3);
    expect(cutOff.partial).toBeNull();
  });

  test('other content where the order is kept: diverged', () => {
    for (const events of [['abXdef'], ['ab'], ['Xbc', 'def']]) {
      const cutOff = cutOffOf(partialOf('abc', origin));
      expect(() => read(cutOff, open(cutOff, origin), events)).toThrow(diverged);
    }
  });
});

describe('another transaction comes first', () => {
  test('where the order is kept: diverged, with what was delivered and where', () => {
    const cutOff = cutOffOf(partialOf('abc', 'g:0-1-7'));
    expect(() => read(cutOff, open(cutOff, 'g:0-1-8'), ['x'])).toThrow(
      expect.objectContaining({
        code: 'diverged',
        message: expect.stringMatching(/db2:3306.*g:0-1-7.*3 changes.*mysql-bin\.000001:100/) as string,
      }),
    );
  });

  test('the error names the server, the place, and what was delivered', () => {
    const cutOff = cutOffOf(partialOf('abc', 'g:0-1-7'));
    const start = { file: 'mysql-bin.000001', position: 100 };
    expect(() => read(cutOff, open(cutOff, 'g:0-1-8'), ['x'])).toThrow(
      expect.objectContaining({ details: { server: 'db2:3306', ...start, origin: 'g:0-1-7', changes: 3 } }),
    );
  });

  test('one without anything to deliver may come before it, also where the order is kept', () => {
    const cutOff = cutOffOf(partialOf('abc', 'g:0-1-7'));
    expect(read(cutOff, open(cutOff, 'g:0-1-6'), [])).toBe(0);
    expect(cutOff.partial).not.toBeNull();
    expect(read(cutOff, open(cutOff, 'g:0-1-7', 200), ['abc'])).toBe(3);
  });

  test('what comes behind it is looked at no more', () => {
    const cutOff = cutOffOf(partialOf('abc', 'g:0-1-7'));
    const found = open(cutOff, 'g:0-1-7');
    read(cutOff, found, ['abc']);
    expect([cutOff.probeBytes, cutOff.isAt(found)]).toEqual([0, false]);
    expect(read(cutOff, open(cutOff, 'g:0-1-8', 200), ['abX'])).toBe(0);
  });

  test('where it is not: it is delivered whole, and the search goes on', () => {
    const cutOff = cutOffOf(partialOf('abc', 'c:1'), { ordered: false });
    expect(read(cutOff, open(cutOff, 'c:2'), ['abc'])).toBe(0);
    expect(cutOff.partial).not.toBeNull();
    expect(read(cutOff, open(cutOff, 'c:1', 200), ['abcd'])).toBe(3);
    expect(cutOff.partial).toBeNull();
  });
});

describe('without a mark, and without order', () => {
  test('one of the same second with other content only resembles it; next time it is read whole', () => {
    const partial = partialOf('abc', '');
    const cutOff = cutOffOf(partial, { ordered: false });
    let start = '';
    try {
      read(cutOff, open(cutOff, ''), ['abX']);
    } catch (error) {
      expect(error).toBeInstanceOf(ResemblanceError);
      start = (error as ResemblanceError).start;
    }
    expect(start).toBe('mysql-bin.000001:100');
    const again = cutOffOf(partial, { ordered: false, notThese: new Set([start]) });
    expect(read(again, open(again, ''), ['abX'])).toBe(0);
    expect(read(again, open(again, '', 200), ['abc', 'd'])).toBe(3);
  });

  test('a mark of the same kind decides, whatever the second', () => {
    const cutOff = cutOffOf(partialOf('abc', 'c:1'), { ordered: false });
    expect(cutOff.changesToPassOver(open(cutOff, 'c:2'), second)).toBe(0);
    expect(cutOff.changesToPassOver(open(cutOff, 'c:1'), second + 5)).toBe(3);
  });

  test('marks of different kinds (another vendor): the second decides', () => {
    const cutOff = cutOffOf(partialOf('abc', 'c:1'), { ordered: false });
    expect(cutOff.changesToPassOver(open(cutOff, 'g:0-1-7'), second + 1)).toBe(0);
    expect(cutOff.changesToPassOver(open(cutOff, 'g:0-1-7'), second)).toBe(3);
  });

  test('the right mark with other content is no resemblance: diverged', () => {
    const cutOff = cutOffOf(partialOf('abc', 'c:1'), { ordered: false });
    expect(() => read(cutOff, open(cutOff, 'c:1'), ['abX'])).toThrow(diverged);
  });
});

test('fewer changes of the same content pass the filter than did before: diverged', () => {
  const cutOff = cutOffOf(partialOf('abc', 'g:0-1-7'));
  const transaction = open(cutOff, 'g:0-1-7');
  expect(cutOff.changesToPassOver(transaction, second)).toBe(3);
  take(transaction.digest, 'abc');
  expect(() => {
    cutOff.beforeEnd(transaction, 2);
  }).toThrow(diverged);
});

test('nothing was cut off: nothing to do', () => {
  const cutOff = cutOffOf(null);
  expect(cutOff.probeBytes).toBe(0);
  expect(read(cutOff, open(cutOff, 'g:0-1-7'), ['abc'])).toBe(0);
});

describe('logged in part on one of the two servers', () => {
  type Event = {
    readonly rows: number;
    readonly bytes: string;
    readonly table?: string;
    readonly whole?: boolean;
  };

  const headOf = (table: string) => runHead({ schema: 'shop', table }, 'update', 2);

  function takeEvent(digest: ContentDigest, { bytes, table = 'orders', whole = true }: Event): void {
    digest.rows(headOf(table), Buffer.from(bytes), whole);
  }

  /** Delivered of a transaction: all that these events hold. */
  function delivered(events: readonly Event[]): PartialTransaction {
    const digest = new ContentDigest();
    for (const event of events) takeEvent(digest, event);
    const changes = events.reduce((sum, { rows }) => sum + rows, 0);
    return { second, origin: 'g:0-1-7', changes, contentBytes: digest.bytes, digest: digest.value() };
  }

  /** Reads the transaction; what is told of the shape, and what is left. */
  function find(partial: PartialTransaction, events: readonly Event[]) {
    let byShape = false;
    const cutOff = new CutOffTransaction(partial, {
      ...{ ordered: true, server: 'db2:3306', notThese: new Set<string>() },
      onShape: () => {
        byShape = true;
      },
    });
    const transaction = open(cutOff, 'g:0-1-7');
    expect(cutOff.changesToPassOver(transaction, second)).toBe(partial.changes);
    let count = 0;
    for (const event of events) {
      if (event.rows > 0) cutOff.beforeContent(transaction, count, placeOf(transaction.digest));
      takeEvent(transaction.digest, event);
      count += event.rows;
    }
    cutOff.beforeEnd(transaction, count);
    return { byShape, left: cutOff.partial };
  }

  const part: Event = { rows: 3, bytes: 'abc', whole: false };
  const whole: Event = { rows: 3, bytes: 'a-b-c-' };
  const more: Event = { rows: 2, bytes: 'de', table: 'items' };
  const found = { byShape: true, left: null };

  test('the shape and the count do, whichever of the two has it in part', () => {
    expect(find(delivered([part]), [whole, more])).toEqual(found);
    expect(find(delivered([whole]), [part, more])).toEqual(found);
    expect(find(delivered([whole]), [part])).toEqual(found);
  });

  test('rows that lie in other events, and more of them', () => {
    const events: Event[] = [{ rows: 2, bytes: 'a-b-' }, { rows: 4, bytes: 'c-x-y-z-' }, more];
    expect(find(delivered([part]), events)).toEqual(found);
  });

  test('the same server once more: by content', () => {
    expect(find(delivered([part]), [part, more])).toEqual({ byShape: false, left: null });
    expect(find(delivered([more, part]), [more, part, more])).toEqual({ byShape: false, left: null });
  });

  test('what is filtered out stands between, and isn’t counted', () => {
    const aside: Event = { rows: 0, bytes: 'aside', table: 'noise' };
    const asidePart: Event = { ...aside, bytes: 'xx', whole: false };
    expect(find(delivered([whole, asidePart]), [whole, aside, more])).toEqual(found);
    expect(find(delivered([whole, asidePart, more]), [whole, aside, more, whole])).toEqual(found);
  });

  test('another shape, or fewer changes: diverged', () => {
    const items = { ...whole, table: 'items' };
    expect(() => find(delivered([part]), [items, more])).toThrow(diverged);
    expect(() => find(delivered([part, more]), [whole, whole])).toThrow(diverged);
    expect(() => find(delivered([part]), [{ ...whole, rows: 2 }])).toThrow(diverged);
  });

  test('other content before what was logged in part is told all the same', () => {
    expect(() => find(delivered([whole]), [{ ...whole, bytes: 'a-X-c-' }, part])).toThrow(diverged);
  });

  test('a statement against rows is no proof of anything: diverged', () => {
    const digest = new ContentDigest();
    digest.statement({ schema: 'shop', sql: 'UPDATE orders SET a = 1' });
    const statement = {
      second,
      origin: 'g:0-1-7',
      changes: 1,
      contentBytes: digest.bytes,
      digest: digest.value(),
    };
    expect(() => find(statement, [whole, more])).toThrow(diverged);
  });
});
