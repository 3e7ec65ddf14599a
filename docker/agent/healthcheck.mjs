/** The health check of the agent's image: whether the agent says that it is healthy. */
import { get } from 'node:http';

const url = process.env.WAYMARK_HEALTH_URL ?? 'http://127.0.0.1:9464/healthz';

// The engine keeps what is written here: the reason, when the agent is not healthy.
const token = process.env.WAYMARK_TOKEN;
const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
const request = get(url, { headers, timeout: 4000 }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.pipe(process.stdout);
});
request.on('timeout', () => request.destroy(new Error('it takes too long')));
request.on('error', (error) => {
  console.log(`no answer from ${url}: ${error.message}`);
  process.exitCode = 1;
});
