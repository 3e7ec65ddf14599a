/**
 * Loaded before a program (`NODE_OPTIONS=--import …`): the package zookeeper is there, but can't be loaded. BROKEN_CLIENT
 * says how that shows: `throws` (unless said), as where it was never compiled, or `crashes`, as where it was for another
 * Node.js.
 */
import Module from 'node:module';

const load = Module._load;

Module._load = function (request, ...rest) {
  if (request !== 'zookeeper') return load.call(this, request, ...rest);
  if (process.env.BROKEN_CLIENT === 'crashes') process.abort();
  throw new Error('No native build was found for platform=linux\n    loaded from: somewhere');
};
