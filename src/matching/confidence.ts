import type { Comparison } from '../transactions/identity.js';
import type { Confidence } from './match-state.js';

/**
 * The highest confidence that a match can have.
 * @param comparison the weakest comparison that was used for any transaction.
 * @param proved what the order of transactions proves.
 */
export function confidenceOf(comparison: Comparison, proved: Confidence): Confidence {
  switch (comparison) {
    case 'content':
      return proved;
    case 'shape':
      // Shapes in another order may belong to other transactions.
      return proved === 'exact' || proved === 'shape' ? 'shape' : 'unverified';
    case 'origin':
      return 'unverified';
  }
}
