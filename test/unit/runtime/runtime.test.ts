import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { nodeRuntime } from '../../../src/runtime/node.js';
import { type Runtime, runtime, runIn } from '../../../src/runtime/runtime.js';
import { sleep } from '../../../src/util/async.js';
import { after, every, onNextTurn, turn } from '../../../src/util/clock.js';

/** This process's, under another name. */
function named(name: string): Runtime {
  return { ...nodeRuntime, machine: { name, pid: 1, hasProcess: () => false } };
}

const [one, other] = [named('one'), named('other')];

test('it is this process where nobody says otherwise, also beside a given one', async () => {
  expect(runtime()).toBe(nodeRuntime);
  const inside = runIn(one, () => turn().then(runtime));
  expect(runtime()).toBe(nodeRuntime);
  await turn();
  expect(runtime()).toBe(nodeRuntime);
  expect(await inside).toBe(one);
});

test('the inner one counts, and what comes behind it has the outer one again', async () => {
  const seen = await runIn(one, async () => {
    const inner = await runIn(other, async () => {
      await turn();
      return runtime();
    });
    return [inner, runtime()];
  });
  expect(seen).toEqual([other, one]);
});

test('what is thrown goes through', () => {
  expect(() =>
    runIn(one, () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(runtime()).toBe(nodeRuntime);
});

describe('what was begun within one comes back within it, whatever runs beside it:', () => {
  const both = (work: () => Promise<Runtime>): Promise<Runtime[]> =>
    Promise.all([one, other].map((own) => runIn(own, work)));

  test('timers and turns', async () => {
    const called = (begin: (action: () => void) => void) => (): Promise<Runtime> =>
      new Promise((resolve) => {
        begin(() => {
          resolve(runtime());
        });
      });
    expect(await both(called((action) => after(1, action)))).toEqual([one, other]);
    expect(await both(called(onNextTurn))).toEqual([one, other]);
    const repeated = called((action) => {
      let count = 0;
      const timer = every(1, () => {
        count += 1;
        if (count < 3) return;
        timer.cancel();
        action();
      });
    });
    expect(await both(repeated)).toEqual([one, other]);
    expect(await both(() => sleep(1, new AbortController().signal).then(runtime))).toEqual([one, other]);
  });

  test('events of sockets', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const seen = await Promise.all(
      [one, other].map((own) =>
        runIn(own, () => {
          const socket = runtime().network.connect({ host: '127.0.0.1', port });
          const inEvent = ['connect', 'data', 'end', 'close'].map(
            (event) =>
              new Promise((resolve) => {
                socket.once(event, () => {
                  resolve(runtime());
                });
              }),
          );
          return Promise.all(inEvent);
        }),
      ),
    );
    server.close();
    expect(seen).toEqual([Array(4).fill(one), Array(4).fill(other)]);
  });

  test('operations on files', async () => {
    const read = async (): Promise<Runtime> => {
      await runtime().disk.readFile(fileURLToPath(import.meta.url));
      return runtime();
    };
    expect(await both(read)).toEqual([one, other]);
  });
});

describe("this process's", () => {
  test('connects to Unix sockets and says when nobody listens', async () => {
    const socket = nodeRuntime.network.connect({ path: '/nobody/listens' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ENOENT');
  });

  test('knows its addresses, and says by its code when it knows none', async () => {
    expect(await nodeRuntime.network.addressesOf('127.0.0.1')).toEqual(['127.0.0.1']);
    await expect(nodeRuntime.network.addressesOf('nobody.invalid')).rejects.toHaveProperty('code');
  });

  test('knows which processes there are', () => {
    expect(nodeRuntime.machine.hasProcess(process.pid)).toBe(true);
    expect(nodeRuntime.machine.hasProcess(1)).toBe(true);
    expect(nodeRuntime.machine.hasProcess(2 ** 22 + 1)).toBe(false);
  });
});
