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

test('a hangup stops like the others, unless somebody listens to it: then it stops nothing', () => {
  const stopped = new FakeProcess();
  const { signal } = signalsOf(stopped);
  stopped.emit('SIGHUP', 'SIGHUP');
  expect(signal.aborted).toBe(true);

  const process = new FakeProcess();
  const signals = signalsOf(process);
  let hangups = 0;
  signals.onHangup(() => (hangups += 1));
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGHUP', 'SIGHUP');
  expect([hangups, signals.signal.aborted]).toEqual([2, false]);
  process.emit('SIGTERM', 'SIGTERM');
  // Not the second signal that asks to end.
  process.emit('SIGHUP', 'SIGHUP');
  expect([hangups, signals.signal.aborted, process.exits]).toEqual([3, true, []]);
});

test('the user signal calls its listener, each time, and stops nothing', () => {
  const process = new FakeProcess();
  const signals = signalsOf(process);
  expect(process.emit('SIGUSR2', 'SIGUSR2')).toBe(false);
  let calls = 0;
  signals.onUserSignal(() => (calls += 1));
  process.emit('SIGUSR2', 'SIGUSR2');
  process.emit('SIGUSR2', 'SIGUSR2');
  expect([calls, signals.signal.aborted, process.exits]).toEqual([2, false, []]);
  signals.release();
  expect(process.emit('SIGUSR2', 'SIGUSR2')).toBe(false);
});

test('listens no more once it is released', () => {
  const process = new FakeProcess();
  const { signal, release } = signalsOf(process);
  release();
  expect(process.emit('SIGTERM', 'SIGTERM')).toBe(false);
  expect(signal.aborted).toBe(false);
});
