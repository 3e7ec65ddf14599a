import { describe, expect, it } from 'vitest';

import { UnsettledWrites } from '../../../src/checkpoint/unsettled-writes.js';

const [a, b] = [Buffer.from('a'), Buffer.from('b')];

describe('writes without an answer', () => {
  it('explain what is found in the store, on top of the version that they named', () => {
    const writes = new UnsettledWrites();
    expect(writes.openOn(null)).toBe(false);
    writes.begin('v1', a);
    writes.begin('v1', b);
    expect(writes.explains('v1', a) && writes.explains('v1', b)).toBe(true);
    expect(writes.explains('v2', a)).toBe(false);
    expect(writes.explains('v1', Buffer.from('c'))).toBe(false);
  });

  it('explain nothing any more once they were refused, overtaken or followed by one on another version', () => {
    const writes = new UnsettledWrites();
    const refused = writes.begin(null, a);
    writes.begin(null, b);
    writes.refused(refused);
    expect(writes.explains(null, a)).toBe(false);
    expect(writes.explains(null, b)).toBe(true);
    writes.begin('v1', a);
    expect(writes.explains(null, b)).toBe(false);
    writes.clear();
    expect(writes.openOn('v1')).toBe(false);
  });

  it('on an earlier version can have no outcome any more, whatever is found', () => {
    const writes = new UnsettledWrites();
    writes.begin('v1', a);
    writes.begin('v2', b);
    expect(writes.explains('v2', a)).toBe(false);
    expect(writes.explains('v1', a)).toBe(false);
    expect(writes.openOn('v1')).toBe(false);
    expect(writes.openOn('v2')).toBe(true);
  });

  it('are known by a version that was chosen for them as well as by their bytes', () => {
    const writes = new UnsettledWrites();
    writes.begin('v1', 'chosen');
    expect(writes.explains('v1', 'chosen')).toBe(true);
    expect(writes.explains('v1', 'other')).toBe(false);
  });

  it('of the same content count each for itself', () => {
    const writes = new UnsettledWrites();
    writes.begin('v1', a);
    writes.refused(writes.begin('v1', a));
    expect(writes.explains('v1', a)).toBe(true);
  });
});
