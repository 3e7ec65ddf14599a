import { isIP } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, TLSSocket } from 'node:tls';
import type { Socket } from '../runtime/network.js';
import { WaymarkError } from '../util/errors.js';
import type { Account } from './instance.js';

export type TlsAccount = NonNullable<Account['tls']>;

/** What of mysql2's connection has a part in going over to TLS (lib/base/connection.js). */
type Upgrading = {
  stream: Socket;
  startTLS: (onSecure: (error?: Error) => void) => void;
  handlePacket: (packet: unknown) => void;
  readonly packetParser: { execute(data: Buffer): void };
  _handleNetworkError(error: Error): void;
};

function isUpgrading(core: object): core is Upgrading {
  return (
    'stream' in core &&
    'packetParser' in core &&
    ['startTLS', 'handlePacket', '_handleNetworkError'].every(
      (name) => typeof Reflect.get(core, name) === 'function',
    )
  );
}

/**
 * Has a connection of mysql2's go over to TLS our way: the certificate must name the host by which the configuration
 * names the server, an IP address, too (RFC 6125; mysql2 checks an address against `localhost`), and that is known before
 * anything of the login is sent. Nothing that came in clear counts but the greeting: whoever stands between could have
 * put more behind it.
 * @throws WaymarkError `protocol` where this mysql2 goes another way.
 */
export function upgradeOwnWay(core: object, host: string, tls: TlsAccount): void {
  if (!isUpgrading(core)) throw new WaymarkError('protocol', 'this mysql2 goes over to TLS in another way');
  const upgrading: Upgrading = core;
  upgrading.startTLS = (onSecure) => {
    const plain = upgrading.stream;
    const { handlePacket } = upgrading;
    let settled = false;
    const settle = (error?: Error): void => {
      if (settled) return;
      settled = true;
      upgrading.handlePacket = handlePacket;
      if (error !== undefined) plain.destroy();
      onSecure(error);
    };
    upgrading.handlePacket = () => {
      settle(new Error('it sent more than its greeting before the connection was encrypted'));
    };
    plain.removeAllListeners('data');
    const secure = secureSocket(plain, host, tls);
    secure.once('secureConnect', () => {
      settle();
    });
    secure.on('error', (error: Error) => {
      if (settled) upgrading._handleNetworkError(error);
      else settle(error);
    });
    secure.once('close', () => {
      settle(new Error('the connection ended before it was encrypted'));
    });
    secure.on('data', (data: Buffer) => {
      upgrading.packetParser.execute(data);
    });
    upgrading.stream = secure;
  };
}

function secureSocket(socket: Socket, host: string, tls: TlsAccount): TLSSocket {
  const verify = tls.verify ?? true;
  return connect({
    socket,
    secureContext: secureContextOf(tls),
    rejectUnauthorized: verify,
    // Node asks with a name of its own making, and lets an error of it end the connection before `secureConnect`.
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
    // No server is named by an address there (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
}

/**
 * Certificates and keys, read.
 * @throws Error of OpenSSL's for what can't be used.
 */
export function secureContextOf({ ca, cert, key }: TlsAccount): ReturnType<typeof createSecureContext> {
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}
