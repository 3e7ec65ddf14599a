import { WaymarkError } from '../util/errors.js';
import { formatCoordinates } from './coordinates.js';
import type { EventPlace } from './event.js';

/** `unsupported-event`: what the log holds that can't be read or passed over, and where. */
export function unsupportedEvent(what: string, { file, end }: EventPlace): WaymarkError {
  const place = { file, position: end };
  return new WaymarkError('unsupported-event', `Before ${formatCoordinates(place)} the log holds ${what}`, {
    details: place,
  });
}
