import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeStreamName } from '../../../src/checkpoint/stream-name.js';

describe('the name of a stream in a path', () => {
  it('is itself where that is harmless', () => {
    expect(encodeStreamName('shop-audit_2.eu')).toBe('shop-audit_2.eu');
    expect(encodeStreamName('..')).toBe('%2E.');
    expect(encodeStreamName('a/b ü~')).toBe('a%2Fb%20%C3%BC%7E');
  });

  it('is short, harmless, and another for another stream', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        const encoded = encodeStreamName(one);
        expect(encoded).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9_%.-]*(~[0-9a-f]{32})?$/);
        expect(encoded.length).toBeLessThanOrEqual(150);
        expect(encodeStreamName(other) === encoded).toBe(other === one);
      }),
    );
    const long = '\u{1f9ed}'.repeat(49);
    expect(encodeStreamName(`${long}a`)).not.toBe(encodeStreamName(`${long}b`));
  });
});
