// What the tests know of the service that runs beside them, and a road to it that can be cut.
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket; // browsers have one, and node since 22

export const url = process.env.PANIER_URL;

export function tokenOf(guest, livesS = 600) {
  const claims = { sub: guest, kind: 'guest', channel: 'web', exp: Math.floor(Date.now() / 1000) + livesS };
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => base64url(JSON.stringify(part))).join('.');
  return `${signed}.${createHmac('sha256', process.env.PANIER_SECRET).update(signed).digest('base64url')}`;
}

export const newGuest = () => `js-${randomUUID()}`;

export async function ask(token, query, variables) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

export async function create(token, lines) {
  const query = 'mutation($input: CartCreateInput) { cartCreate(input: $input) { cart { id } } }';
  return (await ask(token, query, { input: { lines } })).cartCreate.cart.id;
}

export async function add(token, cartId, sku, quantity = 1) {
  const query = `
    mutation($cartId: ID!, $lines: [CartLineInput!]!) {
      cartLinesAdd(cartId: $cartId, lines: $lines) {
        cart { version lines { nodes { lineId sku quantity total { amount } } } totals { total { amount currency } } }
        userErrors { code }
      }
    }`;
  return (await ask(token, query, { cartId, lines: [{ sku, quantity }] })).cartLinesAdd;
}

// What an observer was told, to be waited for; an error is thrown to whoever waits.
export class Told {
  #events = [];
  #fault;
  #wake = () => {};

  next = (event) => {
    this.#events.push(event);
    this.#wake();
  };

  error = (fault) => {
    this.#fault = { fault };
    this.#wake();
  };

  complete = () => this.error('complete');

  async event() {
    await this.#until(() => this.#events.length);
    return this.#events.shift();
  }

  async untilVersion(version) {
    const events = [await this.event()];
    while (events.at(-1).version < version) events.push(await this.event());
    return events;
  }

  async fault() {
    await this.#until(() => this.#fault);
    return this.#fault.fault;
  }

  async #until(true_) {
    while (!true_()) {
      if (this.#fault) throw Object.assign(new Error('it ended'), { cause: this.#fault.fault });
      await new Promise((resolve) => { this.#wake = resolve; });
    }
  }
}

// A road to the service. While it is cut, whoever takes it is turned away.
export class Road {
  #sockets = new Set();
  #mended = Promise.resolve();
  #mend;

  static async open() {
    const road = new Road();
    const { hostname, port } = new URL(url);
    road.server = net.createServer((near) => {
      if (road.#mend) return near.destroy();
      const far = net.connect(port, hostname);
      for (const [from, to] of [[near, far], [far, near]]) {
        road.#sockets.add(from);
        from.on('error', () => {}).on('close', () => road.#sockets.delete(from) && to.destroy());
        from.pipe(to);
      }
    });
    await once(road.server.listen(0, '127.0.0.1'), 'listening');
    road.url = `http://127.0.0.1:${road.server.address().port}/graphql`;
    return road;
  }

  // For clients to wait before they try again.
  wait = () => this.#mended;

  cut() {
    this.#mended = new Promise((resolve) => { this.#mend = resolve; });
    this.#sockets.forEach((socket) => socket.destroy());
  }

  mend() {
    this.#mend();
    this.#mend = undefined;
  }

  close() {
    this.server.close();
    this.#sockets.forEach((socket) => socket.destroy());
  }
}

const base64url = (text) => Buffer.from(text).toString('base64url');
