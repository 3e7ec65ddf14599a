import pino from 'pino';
import { expect, test } from 'vitest';
import type { CheckpointStore } from '../../../src/checkpoint/checkpoint.js';
import type { LayoutsReference } from '../../../src/checkpoint/checkpoint.js';

import { KeptLayouts } from '../../../src/tail/kept-layouts.js';
import { effectOf } from '../../../src/layouts/ddl-statement.js';

const { signal } = new AbortController();

/** Keeps what was written last, as a store does, and what a checkpoint says. */
class Memory {
  record: Buffer | null = null;
  mark: LayoutsReference | null = null;

  /** The two writes of a checkpoint; an agent may die between them. */
  save(kept: KeptLayouts, version: number, dies = false): void {
    const mark = kept.mark(version);
    const unsaved = kept.unsaved();
    if (unsaved !== null) {
      this.record = unsaved.record;
      kept.written(unsaved);
    }
    if (dies) return;
    this.mark = mark;
    if (mark !== null) kept.saved(mark);
  }

  async load(): Promise<KeptLayouts> {
    const kept = new KeptLayouts('s');
    const store: CheckpointStore = {
      ...{ location: 'memory', layoutsLocation: 'memory', droppedEntries: 0, holderNote: null },
      open: () => Promise.resolve(),
      load: () => Promise.resolve(null),
      save: () => Promise.resolve(''),
      loadLayouts: () => Promise.resolve(this.record),
      saveLayouts: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    await kept.load(store, this.mark, pino({ level: 'silent' }), signal);
    return kept;
  }
}

const carryOut = ({ layouts }: KeptLayouts, sql: string): void => {
  layouts.isNeeded = true;
  layouts.statement(effectOf({ schema: 'shop', sql }, 'mysql'), true);
};

const namesOf = ({ layouts }: KeptLayouts): string[] | null =>
  layouts.of({ schema: 'shop', table: 't' })?.definition.columns.map(({ name }) => name) ?? null;

test('what was known at the checkpoint is known again, not what was read beyond', async () => {
  const memory = new Memory();
  const kept = await memory.load();
  carryOut(kept, 'CREATE TABLE t (a INT)');
  memory.save(kept, 1);
  carryOut(kept, 'ALTER TABLE t RENAME COLUMN a TO b');
  // Read ahead of what the sink has taken.
  memory.save(kept, 1);
  expect(namesOf(await memory.load())).toEqual(['a']);
  memory.save(kept, 2);
  expect(namesOf(await memory.load())).toEqual(['b']);
});

test('an agent that dies between the two writes is no loss, whoever goes on', async () => {
  const memory = new Memory();
  const first = await memory.load();
  carryOut(first, 'CREATE TABLE t (a INT)');
  memory.save(first, 1);
  carryOut(first, 'ALTER TABLE t RENAME COLUMN a TO b');
  memory.save(first, 2, true);
  const second = await memory.load();
  expect(namesOf(second)).toEqual(['a']);
  carryOut(second, 'ALTER TABLE t RENAME COLUMN a TO b');
  memory.save(second, 2, true);
  const third = await memory.load();
  expect(namesOf(third)).toEqual(['a']);
  memory.save(third, 1);
  expect(namesOf(await memory.load())).toEqual(['a']);
});

test('a late write of an earlier leader counts for nothing', async () => {
  const memory = new Memory();
  const first = await memory.load();
  carryOut(first, 'CREATE TABLE t (a INT)');
  memory.save(first, 1);
  const second = await memory.load();
  carryOut(second, 'ALTER TABLE t RENAME COLUMN a TO b');
  memory.save(second, 2);
  carryOut(first, 'ALTER TABLE t RENAME COLUMN a TO c');
  memory.save(first, 2, true);
  expect(namesOf(await memory.load())).toBeNull();
});

test('where all names are in the log nothing is kept', async () => {
  const memory = new Memory();
  const kept = await memory.load();
  kept.layouts.statement(effectOf({ schema: 'shop', sql: 'CREATE TABLE t (a INT)' }, 'mysql'), true);
  memory.save(kept, 1);
  expect(memory).toMatchObject({ record: null, mark: null });
});
