/**
 * waymark/zongji: the interface of @vlasky/zongji, so that a program that uses it goes on when its server dies.
 */
import { ZongJi } from './zongji.js';

export default ZongJi;
// What require() gives (nodejs.org/api/modules.html, "Loading ECMAScript modules using require()").
export { ZongJi as 'module.exports' };
export { ZongJi, type ConnectionId, type ZongJiEvents } from './zongji.js';
