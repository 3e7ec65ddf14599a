import { isIP } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, TLSSocket } from 'node:tls';
import type { Socket } from '../runtime/network.js';
import { WaymarkError } from '../util/errors.js';
import type { Account } from './instance.js';

/** The TLS part of an account. */
export type TlsAccount = NonNullable<Account['tls']>;

/** The parts of mysql2's connection that upgrade it to TLS (lib/base/connection.js). */
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
 * Makes a connection of mysql2 upgrade to TLS in waymark's way. The certificate must name the host by which the
 * configuration names the server, even if that is an IP address (RFC 6125; mysql2 checks an address against
 * `localhost`). It is checked before anything of the login is sent. Of what came unencrypted, only the greeting counts:
 * somebody in between could have added more.
 * @throws WaymarkError `protocol` if this version of mysql2 upgrades in another way.
 */
export function upgradeOwnWay(core: object, host: string, tls: TlsAccount): void {
  if (!isUpgrading(core))
    throw new WaymarkError(
      'protocol',
      'this version of mysql2 upgrades to TLS in a way that waymark does not know',
    );
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
    // Node would ask with a name of its own choice. Its error ends the connection before `secureConnect`.
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
    // This extension takes no IP address (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
}

/**
 * Parses certificates and keys.
 * @throws OpenSSL's error if they can't be used.
 */
export function secureContextOf({ ca, cert, key }: TlsAccount): ReturnType<typeof createSecureContext> {
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}
