// Names with several addresses, as a DNS server gives them that puts another one first each time: each new
// connection goes to the next.

import dns from "node:dns";

const turns = new Map();
const lookup = dns.lookup;

/** From now on a name has these addresses. */
export function takeTurns(name, addresses) {
  turns.set(name, addresses);
}

dns.lookup = (name, options, callback) => {
  const addresses = turns.get(name);
  if (!addresses) return lookup(name, options, callback);
  const done = callback ?? options;
  const address = addresses.shift();
  addresses.push(address);
  process.nextTick(() =>
    options?.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4),
  );
};
