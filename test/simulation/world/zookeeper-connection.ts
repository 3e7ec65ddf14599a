import { JuteFramer } from '../../../src/zookeeper/jute.js';
import type { SimulatedProcess } from './process.js';
import type { SimulatedSocket } from './socket.js';
import type { Decision, SimulatedZooKeeper, ZooKeeperServer } from './zookeeper.js';
import {
  type ClientPacket,
  eventPacket,
  readConnect,
  readRequest,
  type ReadRequest,
  replyPacket,
  connectResponsePacket,
  writeStat,
} from './zookeeper-packets.js';
import { mayUse, type NodeEvent, treeCode, type WriteRequest } from './zookeeper-tree.js';

/** What a server takes in one packet (jute.maxbuffer). */
const longestPacket = 0xfffff;

/**
 * A client's connection, as a server has it: its packets are worked off one after the other. Reads are answered by what
 * this server knows, writes when it knows them to be done.
 */
export class ClientConnection {
  readonly #server: ZooKeeperServer;
  readonly #process: SimulatedProcess;
  readonly #socket: SimulatedSocket;
  readonly #accounts = new Set<string>();
  readonly #watched = new Set<string>();
  readonly #packets: Buffer[] = [];
  #session: bigint | null = null;
  #isBusy = false;

  constructor(server: ZooKeeperServer, process: SimulatedProcess, socket: SimulatedSocket) {
    this.#server = server;
    this.#process = process;
    this.#socket = socket;
    const framer = new JuteFramer(longestPacket);
    socket.on('data', (chunk: Buffer) => {
      this.#packets.push(...framer.push(chunk));
      this.#next();
    });
    // 'close' follows.
    socket.on('error', () => undefined);
  }

  /** Ends the connection, as soon as the server can. */
  drop(): void {
    this.#process.happen('arrival', 'drops a connection', () => {
      this.#socket.destroy();
    });
  }

  /** Tells the client of a change, if it watches for that. */
  tell(event: NodeEvent): void {
    if (this.#watched.delete(event.path)) this.#send(eventPacket(event));
  }

  get #zookeeper(): SimulatedZooKeeper {
    return this.#server.zookeeper;
  }

  #next(): void {
    const packet = this.#isBusy || this.#socket.destroyed ? undefined : this.#packets.shift();
    if (packet === undefined) return;
    if (!this.#zookeeper.hasLeader) {
      this.#socket.destroy();
      return;
    }
    this.#isBusy = true;
    if (this.#session === null) this.#open(packet);
    else this.#handle(this.#session, readRequest(packet, [...this.#accounts][0] ?? null));
  }

  #done(answer: Buffer): void {
    this.#send(answer);
    this.#isBusy = false;
    this.#next();
  }

  #open(packet: Buffer): void {
    const wanted = readConnect(packet);
    this.#ask(
      () => this.#zookeeper.openSession(wanted, this),
      (session) => {
        this.#session = session?.id ?? null;
        this.#done(connectResponsePacket(session));
        if (session === null) this.#socket.end();
      },
    );
  }

  #handle(session: bigint, packet: ClientPacket): void {
    const { xid } = packet;
    this.#zookeeper.heard(session);
    switch (packet.kind) {
      case 'ping':
        this.#done(this.#reply(xid, treeCode.ok));
        return;
      case 'auth':
        this.#accounts.add(packet.account);
        this.#done(this.#reply(xid, treeCode.ok));
        return;
      case 'read':
        this.#done(this.#read(xid, packet.request));
        return;
      case 'sync':
        this.#ask(
          () => this.#zookeeper.changes,
          (changes) => {
            this.#server.whenKnown(changes, () => {
              this.#done(
                replyPacket({ xid, zxid: this.#server.lastZxid, code: 0 }, (to) => to.text(packet.path)),
              );
            });
          },
        );
        return;
      case 'write':
        this.#write(session, xid, packet.request);
    }
  }

  #write(session: bigint, xid: number, request: WriteRequest): void {
    this.#ask(
      () => this.#zookeeper.decide(request, { session, accounts: this.#accounts }, this),
      (decision) => {
        if (decision === null) {
          this.#socket.destroy();
          return;
        }
        this.#server.whenKnown(decision.changes, () => {
          this.#answer(xid, request, decision);
        });
      },
    );
  }

  #answer(xid: number, request: WriteRequest, { code, path, node, zxid }: Decision): void {
    if (this.#zookeeper.draws.chance(this.#zookeeper.lostAnswers)) {
      this.#socket.destroy();
      return;
    }
    const answer = replyPacket({ xid, zxid, code }, (to) => {
      if (request.kind === 'create') to.text(path);
      if (request.kind === 'set' && node !== null) writeStat(to, node);
    });
    this.#done(answer);
    if (request.kind === 'end-session') this.#socket.end();
  }

  #read(xid: number, request: ReadRequest): Buffer {
    const node = this.#server.tree.get(request.path);
    const watches = request.kind !== 'children' && request.watch;
    if (node === undefined) {
      if (watches && request.kind === 'exists') this.#watched.add(request.path);
      return this.#reply(xid, treeCode.noNode);
    }
    if (request.kind !== 'exists' && !mayUse(node, { accounts: this.#accounts })) {
      return this.#reply(xid, treeCode.noAuth);
    }
    if (watches) this.#watched.add(request.path);
    return replyPacket({ xid, zxid: this.#server.lastZxid, code: 0 }, (to) => {
      if (request.kind === 'children') {
        to.int(node.children.size);
        for (const path of node.children) to.text(path.slice(path.lastIndexOf('/') + 1));
        return;
      }
      if (request.kind === 'get') to.buffer(node.data);
      writeStat(to, node);
    });
  }

  /** Asks the leader, which takes a while there and back. */
  #ask<T>(question: () => T, then: (answer: T) => void): void {
    const delayMs = (): number => this.#zookeeper.draws.exponential(this.#zookeeper.meanMs);
    this.#process.after(delayMs(), 'arrival', 'the leader is asked', () => {
      const answer = question();
      this.#process.after(delayMs(), 'arrival', 'the leader answers', () => {
        then(answer);
      });
    });
  }

  #reply(xid: number, code: number): Buffer {
    return replyPacket({ xid, zxid: this.#server.lastZxid, code });
  }

  #send(packet: Buffer): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(packet);
  }
}
