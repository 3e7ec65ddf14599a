/**
 * Clients of an agent's HTTP listener that misbehave, in a thread of their own, so that what they do takes nothing from
 * whoever measures: `new Worker(…, { workerData: { port, mode } })`.
 */
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { clearInterval, setInterval } from 'node:timers';
import { workerData } from 'node:worker_threads';

const { port, mode } = workerData;

/** A connection; made anew when the agent has closed it. */
function client(begin, { again = true } = {}) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.once('connect', () => begin(socket));
  if (again) socket.once('close', () => setTimeout(() => client(begin), 250));
}

function clients(count, begin) {
  for (let number = 0; number < count; number += 1) client(begin);
}

const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

/** Writes the same again and again, as fast as it is taken. */
function flood(socket, bytes) {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}

const modes = {
  'connections that send nothing': () => clients(300, (socket) => socket.resume()),
  'requests that come a byte at a time': () =>
    clients(200, (socket) => {
      const bytes = get('/status', `X-Slow: ${'x'.repeat(2000)}\r\n`);
      let at = 0;
      const timer = setInterval(() => socket.write(bytes[at++ % bytes.length]), 20);
      socket.once('close', () => clearInterval(timer));
      socket.resume();
    }),
  '20,000 requests at once': () =>
    clients(1, (socket) => {
      socket.resume();
      socket.write(get('/metrics').repeat(20_000));
    }),
  'requests without end on many connections': () =>
    clients(30, (socket) => {
      socket.resume();
      flood(socket, get('/status').repeat(20));
    }),
  'new connections without end': () =>
    clients(100, (socket) => {
      socket.resume();
      socket.end(get('/healthz', 'Connection: close\r\n'));
    }),
  'answers that are not read': () =>
    clients(50, (socket) => {
      socket.pause();
      socket.write(get('/metrics').repeat(2_000));
    }),
  'headers without end': () =>
    clients(20, (socket) => {
      socket.resume();
      socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: ');
      flood(socket, 'x'.repeat(65_536));
    }),
  'bodies without end': () =>
    clients(20, (socket) => {
      socket.resume();
      socket.write(
        `POST /switch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a token of the test\r\nContent-Length: ${2 ** 40}\r\n\r\n`,
      );
      flood(socket, 'x'.repeat(65_536));
    }),
  'chunks without end, to what takes no body': () =>
    clients(20, (socket) => {
      socket.resume();
      socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
      flood(socket, `10000\r\n${'x'.repeat(65_536)}\r\n`);
    }),
  'halves of connections': () =>
    clients(100, (socket) => {
      // Asked, and nothing more to say; and nothing is read.
      socket.pause();
      socket.end(get('/metrics').repeat(50));
    }),
  'no HTTP': () =>
    clients(50, (socket) => {
      socket.resume();
      flood(socket, Buffer.alloc(65_536, 0xff));
    }),
};

modes[mode]();
