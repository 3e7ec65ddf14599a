/** Why the native ZooKeeper client can't be used here, in one line; null: it can. */
export function whyNoZooKeeperClient(): string | null;
