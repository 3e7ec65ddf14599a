import type { Comparison } from '../binlog/identity.js';
import type { Confidence } from './match-state.js';

/**
 * What a match says at most.
 * @param comparison by what all transactions were compared, at the least.
 * @param proved what the match says by their order.
 */
export function confidenceOf(comparison: Comparison, proved: Confidence): Confidence {
  switch (comparison) {
    case 'content':
      return proved;
    case 'shape':
      // Shapes that come in another order may be anybody's.
      return proved === 'exact' || proved === 'shape' ? 'shape' : 'unverified';
    case 'origin':
      return 'unverified';
  }
}
