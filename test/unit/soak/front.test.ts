import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Front } from '../../soak/front.js';
import type { TestServer } from '../../servers/index.js';
import { until } from '../../servers/wait.js';

const agentAddress = '127.0.0.11';
const parties = { byAddress: new Map([[agentAddress, 'one']]), byServerId: new Map([[7, 'replica']]) };

/** COM_REGISTER_SLAVE of the replica with server id 7, and more behind it. */
const registration = Buffer.from([8, 0, 0, 0, 0x15, 7, 0, 0, 0, 0, 0, 0]);

/** Sends back what it gets. */
let server: Server;
let front: Front;
const clients: Socket[] = [];
const served = new Set<Socket>();

beforeEach(async () => {
  server = createServer((socket) => {
    served.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => served.delete(socket));
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  front = await Front.start({ host: '127.0.0.1', port } as TestServer, parties);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  front.discard();
  for (const socket of served) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** A connection through the front, and what it has got. */
class Client {
  readonly socket: Socket;
  got = Buffer.alloc(0);
  ended = false;

  constructor(localAddress = '127.0.0.1') {
    this.socket = connect({ host: '127.0.0.1', port: front.port, localAddress });
    clients.push(this.socket);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => (this.got = Buffer.concat([this.got, chunk])));
    this.socket.on('close', () => (this.ended = true));
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  async gets(bytes: string | Buffer): Promise<void> {
    await until('the answer is there', () => Promise.resolve(this.got.includes(bytes)), { timeoutMs: 5000 });
  }

  async ends(): Promise<void> {
    await until('the connection ends', () => Promise.resolve(this.ended), { timeoutMs: 5000 });
  }
}

describe('a front', () => {
  test('lets everything through', async () => {
    const client = new Client();
    client.send('hello');
    await client.gets('hello');
  });

  test('cuts one party off, also who connects anew, and nobody else; what was sent arrives later', async () => {
    const [cut, other] = [new Client(agentAddress), new Client()];
    cut.send('before');
    await cut.gets('before');
    front.cut('one');
    cut.send('behind');
    const anew = new Client(agentAddress);
    anew.send('new');
    other.send('other');
    await other.gets('other');
    expect([cut.got.toString(), anew.got.toString()]).toEqual(['before', '']);
    front.mend('one');
    await cut.gets('beforebehind');
    await anew.gets('new');
  });

  test('knows a replica by the server id that it registers with', async () => {
    const replica = new Client();
    replica.send(registration);
    await replica.gets(registration);
    front.cut('replica');
    replica.send('behind');
    const anew = new Client();
    anew.send('queries');
    await anew.gets('queries');
    anew.send(registration);
    const other = new Client();
    other.send('other');
    await other.gets('other');
    expect([replica.got.includes('behind'), anew.got.includes(registration)]).toEqual([false, false]);
    front.mend('replica');
    await replica.gets('behind');
    await anew.gets(registration);
  });

  test("doesn't tell who is cut off of the server's end", async () => {
    const [cut, other] = [new Client(agentAddress), new Client()];
    for (const client of [cut, other]) client.send('hello');
    await Promise.all([cut.gets('hello'), other.gets('hello')]);
    front.cut('one');
    front.close();
    for (const socket of served) socket.destroy();
    await other.ends();
    expect(cut.ended).toBe(false);
    front.mend('one');
    await cut.ends();
  });

  test('refuses connections while it is closed', async () => {
    front.close();
    const refused = new Client();
    await refused.ends();
    await front.open();
    const client = new Client();
    client.send('hello');
    await client.gets('hello');
  });
});
