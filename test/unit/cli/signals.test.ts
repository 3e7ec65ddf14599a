import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Interrupted, signalsOf, type SignalSource } from '../../../src/cli/signals.js';

/** A process that can be sent signals, and notes how it ends. */
class FakeProcess extends EventEmitter implements SignalSource {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

test('the first signal asks to stop, a second one ends the process with 1', () => {
  const process = new FakeProcess();
  const { signal } = signalsOf(process);
  process.emit('SIGTERM', 'SIGTERM');
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toBeInstanceOf(Interrupted);
  expect(process.exits).toEqual([]);
  process.emit('SIGINT', 'SIGINT');
  expect(process.exits).toEqual([1]);
});

test('listens no more once it is released', () => {
  const process = new FakeProcess();
  const { signal, release } = signalsOf(process);
  release();
  expect(process.emit('SIGTERM', 'SIGTERM')).toBe(false);
  expect(signal.aborted).toBe(false);
});
