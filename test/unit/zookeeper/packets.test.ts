import { describe, expect, test } from 'vitest';
import { JuteError, JuteReader, JuteWriter } from '../../../src/zookeeper/jute.js';
import {
  callPacket,
  connectPacket,
  readServerPacket,
  readValue,
  readConnectResponse,
  serverPath,
} from '../../../src/zookeeper/packets.js';

const bodyOf = (packet: Buffer): Buffer => packet.subarray(4);
const open = { chroot: '', protect: false };

describe('a session', () => {
  test.each(['1', '7fffffffffffffff', 'ffffffffffffffff', '8000000000000000'])(
    '%s comes back as it was sent',
    (id) => {
      const password = '00112233445566778899AABBCCDDEEFF';
      const sent = new JuteReader(bodyOf(connectPacket({ id, password }, 4000)));
      sent.int();
      sent.long();
      const response = new JuteWriter()
        .int(0)
        .int(sent.int())
        .long(sent.long())
        .buffer(sent.buffer())
        .boolean(false);
      expect(readConnectResponse(bodyOf(response.packet()))).toEqual({
        session: { id, password },
        timeoutMs: 4000,
      });
    },
  );

  test('that is over has a timeout of 0', () => {
    const response = new JuteWriter().int(0).int(0).long(0n).buffer(Buffer.alloc(16)).boolean(false);
    expect(readConnectResponse(bodyOf(response.packet()))).toEqual({ session: null });
  });
});

describe('a request', () => {
  test('makes a node for everybody, or for its account alone', () => {
    const create = {
      kind: 'create',
      path: '/a',
      data: Buffer.from('x'),
      as: 'ephemeral-sequential',
    } as const;
    const read = (protect: boolean): unknown[] => {
      const reader = new JuteReader(bodyOf(callPacket(7, create, { chroot: '/apps', protect })));
      const head = [reader.int(), reader.int(), reader.text(), reader.buffer().toString()];
      return [...head, reader.int(), reader.int(), reader.text(), reader.text(), reader.int()];
    };
    expect(read(false)).toEqual([7, 1, '/apps/a', 'x', 1, 31, 'world', 'anyone', 3]);
    expect(read(true)).toEqual([7, 1, '/apps/a', 'x', 1, 31, 'auth', '', 3]);
  });

  test('sets a watch where one is wanted', () => {
    const flagOf = (watch: boolean): number | undefined =>
      callPacket(1, { kind: 'exists', path: '/a', watch }, open).at(-1);
    expect([flagOf(true), flagOf(false)]).toEqual([1, 0]);
  });
});

test('a path is below that of the connection', () => {
  expect(serverPath('', '/')).toBe('/');
  expect(serverPath('', '/a')).toBe('/a');
  expect(serverPath('/apps', '/')).toBe('/apps');
  expect(serverPath('/apps', '/a')).toBe('/apps/a');
});

describe('what a server sends', () => {
  const packet = (xid: number, code: number, rest = new JuteWriter()): Buffer =>
    Buffer.concat([bodyOf(new JuteWriter().int(xid).long(99n).int(code).packet()), bodyOf(rest.packet())]);
  const stat = (czxid: bigint): JuteWriter => {
    const writer = new JuteWriter().long(czxid).long(2n).long(3n).long(4n).int(5).int(6).int(7).long(8n);
    return writer.int(9).int(10).long(11n);
  };
  const body = (writer: JuteWriter): JuteReader => new JuteReader(bodyOf(writer.packet()));

  test('is told apart by its head', () => {
    expect(readServerPacket(packet(-2, 0))).toEqual({ type: 'ping' });
    expect(readServerPacket(packet(-4, -115))).toEqual({ type: 'auth', code: -115 });
    const event = (type: number): JuteWriter => new JuteWriter().int(type).int(3).text('/a');
    expect(readServerPacket(packet(-1, 0, event(2)))).toEqual({ type: 'notification', path: '/a' });
    expect(readServerPacket(packet(-1, 0, event(-1)))).toEqual({ type: 'notification', path: null });
    expect(readServerPacket(packet(12, -101))).toMatchObject({ type: 'reply', xid: 12, code: -101 });
    expect(() => readServerPacket(Buffer.alloc(15))).toThrow(JuteError);
  });

  test('has the version of a node', () => {
    expect(readValue('exists', body(stat(2n ** 53n - 1n)))).toEqual({ czxid: 2 ** 53 - 1, version: 5 });
    expect(() => readValue('exists', body(stat(2n ** 53n)))).toThrow(/czxid/);
  });

  test('has a node’s content before its version', () => {
    const content = Buffer.concat([bodyOf(new JuteWriter().text('x').packet()), bodyOf(stat(1n).packet())]);
    expect(readValue('get', new JuteReader(content))).toEqual({
      czxid: 1,
      version: 5,
      data: Buffer.from('x'),
    });
  });
});
