// Following a cart by the client graphql-ws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Road, Told, add, ask, create, newGuest, tokenOf, url } from './service.js';
import { connect, follow } from './websocket.js';

function following(t, cartId, fromVersion, token, options, at = url) {
  const client = connect(at, token, options);
  t.after(() => client.dispose());
  const told = new Told();
  follow(client, cartId, fromVersion, told);
  return told;
}

const versions = (events) => events.flatMap(({ operations }) => operations.map(({ version }) => version));

test('each change is told once, in order, with who did it and the price that they were answered', async (t) => {
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk', quantity: 2 }]);
  const told = following(t, cartId, undefined, () => token);
  assert.equal((await told.event()).reason, 'SNAPSHOT');
  const answered = new Map();
  for (let turn = 0; turn < 30; turn += 1) {
    const { cart } = await add(token, cartId, turn % 3 ? 'oat' : 'milk');
    answered.set(cart.version, cart);
  }
  const events = await told.untilVersion(31);
  assert.deepEqual(versions(events), Array.from({ length: 30 }, (_, index) => index + 2));
  for (const { reason, version, operations, cart: { id, ...cart } } of events) {
    assert.equal(reason, 'CHANGED');
    assert.equal(operations.at(-1).version, version);
    assert.ok(operations.every(({ member, changes }) => member.startsWith('guest:') && changes[0].verb === 'add'));
    assert.equal(id, cartId);
    assert.deepEqual(cart, answered.get(version));
  }
});

test('a lost connection comes back by itself, and nothing is lost or told twice', async (t) => {
  const road = await Road.open();
  t.after(() => road.close());
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk' }]);
  const told = following(t, cartId, undefined, () => token, { retryWait: road.wait }, road.url);
  await told.event();
  let version = 1;
  for (let turn = 0; turn < 3; turn += 1) {
    await add(token, cartId, 'oat');
    assert.deepEqual(versions(await told.untilVersion(version += 1)), [version]);
    road.cut();
    await add(token, cartId, 'oat');
    await add(token, cartId, 'milk');
    road.mend();
    const resumed = await told.event();
    assert.equal(resumed.reason, 'RESUMED');
    assert.deepEqual(versions([resumed]), [version + 1, version + 2]);
    version += 2;
  }
});

test('who comes back later goes on from the version they have, or from a snapshot', async (t) => {
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk' }]);
  for (let turn = 0; turn < 205; turn += 1) await add(token, cartId, 'oat');
  const near = await following(t, cartId, 200, () => token).event();
  assert.equal(near.reason, 'RESUMED');
  assert.deepEqual(versions([near]), [201, 202, 203, 204, 205, 206]);
  const far = await following(t, cartId, 1, () => token).event();
  assert.deepEqual([far.reason, far.version, far.operations], ['SNAPSHOT', 206, []]);
  assert.deepEqual(far.cart, near.cart);
});

test('a token that is not taken closes the connection with 4403, and the reason says why', async (t) => {
  const guest = newGuest();
  const cartId = await create(tokenOf(guest), []);
  for (const [token, why] of [[tokenOf(guest, -60), 'TOKEN_EXPIRED'], ['nonsense', 'TOKEN_INVALID']]) {
    const { code, reason } = await following(t, cartId, undefined, () => token, { retryAttempts: 0 }).fault();
    assert.equal(code, 4403);
    assert.match(reason, new RegExp(`^${why}: `));
  }
});

test('a connection that ends with its token comes back with the next one', async (t) => {
  const guest = newGuest();
  const tokens = [tokenOf(guest, 3), tokenOf(guest)];
  const cartId = await create(tokens[1], []);
  const asked = [];
  const told = following(t, cartId, undefined, () => tokens[Math.min(asked.push('once more'), 2) - 1], {
    retryWait: () => add(tokens[1], cartId, 'oat'),
  });
  assert.equal((await told.event()).reason, 'SNAPSHOT');
  const resumed = await told.event();
  assert.deepEqual([resumed.reason, versions([resumed]), asked.length], ['RESUMED', [2], 2]);
});

test('a cart that the caller may not see ends its subscription, and no other', async (t) => {
  const [mine, theirs] = [tokenOf(newGuest()), tokenOf(newGuest())];
  const [cartId, hidden] = [await create(mine, []), await create(theirs, [])];
  const client = connect(url, () => mine);
  t.after(() => client.dispose());
  const [told, refused] = [new Told(), new Told()];
  follow(client, cartId, undefined, told);
  follow(client, hidden, undefined, refused);
  await told.event();
  assert.equal((await refused.fault())[0].extensions.code, 'CART_NOT_FOUND');
  await add(mine, cartId, 'milk');
  assert.equal((await told.event()).version, 2);
});

test('who stops to follow is no longer there', async (t) => {
  const token = tokenOf(newGuest());
  const cartId = await create(token, []);
  const client = connect(url, () => token);
  t.after(() => client.dispose());
  const told = new Told();
  const stop = follow(client, cartId, undefined, told);
  await told.event();
  const present = async () => {
    const query = 'query($cartId: ID!) { cart(id: $cartId) { presence { member } } }';
    return (await ask(token, query, { cartId })).cart.presence.length;
  };
  while (await present() !== 1);
  stop();
  while (await present() !== 0);
  assert.equal(await told.fault(), 'complete');
});
