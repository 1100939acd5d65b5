// The cookies of one browser profile, shared by its fetches and all its sockets. Cookies know no
// port (RFC 6265, section 8.5), so one jar is right for several nodes on one host. Domain, Path and
// Secure are not looked at: tests read those attributes from the raw headers.

export class CookieJar {
  #cookies = new Map();

  /** Take over Set-Cookie header values as a browser does; one that has expired removes. */
  receive(setCookies = []) {
    for (const header of setCookies ?? []) this.#receiveOne(header);
  }

  clear() {
    this.#cookies.clear();
  }

  /** The Cookie header's value, or undefined if there is nothing to send. */
  get header() {
    const pairs = Object.entries(this.all).map(([name, value]) => `${name}=${value}`);
    return pairs.length ? pairs.join("; ") : undefined;
  }

  /** Name to value of all that have not expired. */
  get all() {
    const live = [...this.#cookies].filter(([, cookie]) => cookie.expires > Date.now());
    return Object.fromEntries(live.map(([name, cookie]) => [name, cookie.value]));
  }

  #receiveOne(header) {
    const [pair, ...attributes] = header.split(";");
    const at = pair.indexOf("=");
    if (at < 1) return;
    const name = pair.slice(0, at).trim();
    this.#cookies.set(name, { value: pair.slice(at + 1).trim(), expires: expiry(attributes) });
  }
}

function expiry(attributes) {
  const found = {};
  for (const attribute of attributes) {
    const [key, ...rest] = attribute.split("=");
    found[key.trim().toLowerCase()] = rest.join("=").trim();
  }
  if (found["max-age"] !== undefined) return Date.now() + Number(found["max-age"]) * 1000;
  if (found.expires !== undefined) return Date.parse(found.expires) || 0;
  return Infinity;
}
