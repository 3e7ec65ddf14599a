/** Loaded before a program (node --import): names of hosts come from the name server at WAYMARK_TEST_NAME_SERVER. */
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const resolver = new dns.Resolver({ timeout: 1000, tries: 2 });
resolver.setServers([process.env.WAYMARK_TEST_NAME_SERVER]);

dns.lookup = async (host) => {
  const addresses = await resolver.resolve4(host);
  return addresses.map((address) => ({ address, family: 4 }));
};
syncBuiltinESMExports();
