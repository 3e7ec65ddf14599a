/** Outcomes by ZooKeeper's numbers (KeeperException.Code), those that a tree has. */
export const treeCode = {
  ok: 0,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
} as const;

const anyVersion = -1;

/** A request that changes the tree, as a client sends it; `account` says whose a node is: null, everybody's. */
export type WriteRequest =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data: Buffer;
      readonly account: string | null;
      readonly ephemeral: boolean;
      readonly sequential: boolean;
    }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'end-session' };

/** What a request comes to once it is decided: the same on every server. */
export type Change =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data: Buffer;
      readonly account: string | null;
      readonly owner: bigint | null;
    }
  | { readonly kind: 'set'; readonly path: string; readonly data: Buffer }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'end-session'; readonly session: bigint };

/** What is told to who watches a node: the numbers are Watcher.Event.EventType's. */
export type NodeEvent = { readonly path: string; readonly type: 1 | 2 | 3 };

/** Who asks: a session, and the accounts that it has shown to have. */
export type Asker = { readonly session: bigint; readonly accounts: ReadonlySet<string> };

/** A node. */
export type Znode = {
  readonly czxid: bigint;
  readonly account: string | null;
  /** The session that it goes with; null: it stays. */
  readonly owner: bigint | null;
  readonly children: Set<string>;
  data: Buffer;
  mzxid: bigint;
  version: number;
  /** How many children it has had: what the next one's number is. */
  childrenMade: number;
};

/** The nodes of ZooKeeper, as one server has them. Pure: it takes decided changes, and answers questions. */
export class Tree {
  readonly #nodes = new Map<string, Znode>([['/', newNode(0n, Buffer.alloc(0), null, null)]]);

  get(path: string): Znode | undefined {
    return this.#nodes.get(path);
  }

  /** What a request comes to here and now, or the number of why it comes to nothing. */
  decide(request: WriteRequest, asker: Asker): Change | number {
    switch (request.kind) {
      case 'end-session':
        return { kind: 'end-session', session: asker.session };
      case 'create':
        return this.#decideCreate(request, asker);
      case 'set': {
        const { path, data, version } = request;
        const refusal = this.#refusal(path, asker) ?? this.#wrongVersion(path, version);
        return refusal ?? { kind: 'set', path, data };
      }
      case 'delete': {
        const { path, version } = request;
        const refusal = this.#refusal(parentOf(path), asker) ?? this.#wrongVersion(path, version);
        if (refusal !== null) return refusal;
        return (this.#nodes.get(path)?.children.size ?? 0) > 0 ? treeCode.notEmpty : { kind: 'delete', path };
      }
    }
  }

  /** Applies a change; what those who watch are told. */
  apply(change: Change, zxid: bigint): NodeEvent[] {
    switch (change.kind) {
      case 'create': {
        const { path, data, account, owner } = change;
        this.#nodes.set(path, newNode(zxid, data, account, owner));
        this.#addToParent(path);
        return [{ path, type: 1 }];
      }
      case 'set': {
        const node = this.#nodes.get(change.path);
        if (node === undefined) return [];
        Object.assign(node, { data: change.data, mzxid: zxid, version: node.version + 1 });
        return [{ path: change.path, type: 3 }];
      }
      case 'delete':
        return this.#delete(change.path);
      case 'end-session':
        return [...this.#nodes]
          .filter(([, { owner }]) => owner === change.session)
          .flatMap(([path]) => this.#delete(path));
    }
  }

  #decideCreate(request: Extract<WriteRequest, { kind: 'create' }>, asker: Asker): Change | number {
    const { data, account, ephemeral, sequential } = request;
    const parent = this.#nodes.get(parentOf(request.path));
    const refusal = this.#refusal(parentOf(request.path), asker);
    if (parent === undefined || refusal !== null) return refusal ?? treeCode.noNode;
    if (parent.owner !== null) return treeCode.noChildrenForEphemerals;
    const number = sequential ? String(parent.childrenMade).padStart(10, '0') : '';
    const path = `${request.path}${number}`;
    if (this.#nodes.has(path)) return treeCode.nodeExists;
    return { kind: 'create', path, data, account, owner: ephemeral ? asker.session : null };
  }

  /** Why somebody can't change what a path leads to; null: he can. */
  #refusal(path: string, asker: Asker): number | null {
    const node = this.#nodes.get(path);
    if (node === undefined) return treeCode.noNode;
    return mayUse(node, asker) ? null : treeCode.noAuth;
  }

  /** Why what is there isn't what was meant; null: it is. */
  #wrongVersion(path: string, version: number): number | null {
    const node = this.#nodes.get(path);
    if (node === undefined) return treeCode.noNode;
    return version === anyVersion || version === node.version ? null : treeCode.badVersion;
  }

  #delete(path: string): NodeEvent[] {
    this.#nodes.delete(path);
    this.#nodes.get(parentOf(path))?.children.delete(path);
    return [{ path, type: 2 }];
  }

  #addToParent(path: string): void {
    const parent = this.#nodes.get(parentOf(path));
    if (parent === undefined) return;
    parent.children.add(path);
    parent.childrenMade += 1;
  }
}

/** Whether somebody may read and change a node. */
export function mayUse({ account }: Znode, { accounts }: Pick<Asker, 'accounts'>): boolean {
  return account === null || accounts.has(account);
}

function newNode(czxid: bigint, data: Buffer, account: string | null, owner: bigint | null): Znode {
  return { czxid, account, owner, children: new Set(), data, mzxid: czxid, version: 0, childrenMade: 0 };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}
