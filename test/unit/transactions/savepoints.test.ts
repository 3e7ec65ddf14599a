import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Savepoints } from '../../../src/transactions/savepoints.js';
import { millisecondsFor } from '../support/large-texts.js';

/** As the manual says it. */
class Model {
  list: { name: string; mark: number }[] = [];

  set(name: string, mark: number): void {
    this.list = [...this.list.filter((one) => one.name !== name), { name, mark }];
  }

  rollBackTo(name: string): number | null {
    const index = this.list.findIndex((one) => one.name === name);
    if (index < 0) return null;
    this.list = this.list.slice(0, index + 1);
    return this.list[index]!.mark;
  }
}

test('set, set again, rolled back to: as the manual says', () => {
  const step = fc.record({ set: fc.boolean(), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [savepoints, model] = [new Savepoints<number>(), new Model()];
      for (const [mark, { set, name }] of steps.entries()) {
        if (set) {
          savepoints.set(`SAVEPOINT \`${name}\``, mark);
          model.set(name, mark);
        } else expect(savepoints.rollBackTo(`ROLLBACK TO \`${name}\``)).toBe(model.rollBackTo(name));
      }
      savepoints.change((mark) => mark + 1000);
      for (const { name, mark } of model.list.toReversed()) {
        expect(savepoints.rollBackTo(`ROLLBACK TO ${name}`)).toBe(mark + 1000);
      }
    }),
    { numRuns: 1000 },
  );
});

describe('names that are one to some servers, and two to others', () => {
  const set = (...names: readonly string[]): Savepoints<number> => {
    const savepoints = new Savepoints<number>();
    for (const [mark, name] of names.entries()) savepoints.set(`SAVEPOINT \`${name}\``, mark);
    return savepoints;
  };
  const back = (savepoints: Savepoints<number>, name: string) =>
    savepoints.rollBackTo(`ROLLBACK TO \`${name}\``);

  test('are one where there is one alone', () => {
    expect(back(set('a', 'é ``"', 'b'), 'E ``"')).toBe(1);
    expect(back(set('a', 'E', 'b'), 'é')).toBe(1);
    expect(back(set('ß', 'b'), 's')).toBe(0);
    expect(back(set('a', 'B'), 'b')).toBe(1);
    expect(back(set('É', 'a', 'é', 'b'), 'É')).toBe(2);
  });

  test.each([
    [['é', 'e'], 'é'],
    [['é', 'e'], 'E'],
    [['ß', 'x', 's'], 'ß'],
    [['ß', 'x'], 'x'],
  ])('%j: rolled back to %s, it is not known which', (names, name) => {
    expect(back(set(...names), name)).toBeNull();
  });

  test('others are found as ever', () => {
    const savepoints = set('é', 'x', 'e', 'ss', 'y');
    expect(back(savepoints, 'ss')).toBe(3);
    expect(back(savepoints, 'x')).toBe(1);
    // The second one is gone: it stood behind.
    expect(back(savepoints, 'e')).toBe(0);
  });
});

test('a hundred thousand of them, in time that grows with their number', () => {
  const savepoints = new Savepoints<number>();
  const elapsedMs = millisecondsFor(() => {
    for (let mark = 0; mark < 100_000; mark += 1) savepoints.set(`SAVEPOINT \`sp_${mark}\``, mark);
    for (let mark = 99_999; mark >= 0; mark -= 1) {
      if (savepoints.rollBackTo(`ROLLBACK TO \`sp_${mark}\``) !== mark) throw new Error(`lost ${mark}`);
    }
  });
  expect(elapsedMs).toBeLessThan(5000);
});
