// Following a cart by the client graphql-sse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Road, Told, add, create, newGuest, tokenOf, url } from './service.js';
import { connect } from './sse.js';
import { follow } from './websocket.js';

const versions = ({ operations }) => operations.map(({ version }) => version);

function following(t, cartId, token, options, at = url) {
  const client = connect(at, () => token, options);
  t.after(() => client.dispose());
  const told = new Told();
  follow(client, cartId, undefined, told);
  return told;
}

test('changes are told, and a stream that was lost comes back without a gap', async (t) => {
  const road = await Road.open();
  t.after(() => road.close());
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk', quantity: 2 }]);
  const told = following(t, cartId, token, { retry: road.wait }, road.url);
  assert.equal((await told.event()).reason, 'SNAPSHOT');
  const { cart: answered } = await add(token, cartId, 'oat');
  const { reason, operations, cart: { id, ...cart } } = await told.event();
  assert.deepEqual([reason, versions({ operations }), id], ['CHANGED', [2], cartId]);
  assert.deepEqual(cart, answered);
  road.cut();
  await add(token, cartId, 'milk');
  await add(token, cartId, 'oat');
  road.mend();
  const resumed = await told.event();
  assert.deepEqual([resumed.reason, versions(resumed)], ['RESUMED', [3, 4]]);
});

test('a cart that the caller may not see and a token that ends are told, and end the stream', async (t) => {
  const guest = newGuest();
  const hidden = await create(tokenOf(newGuest()), []);
  assert.equal((await following(t, hidden, tokenOf(guest)).fault())[0].extensions.code, 'CART_NOT_FOUND');
  const cartId = await create(tokenOf(guest), []);
  const told = following(t, cartId, tokenOf(guest, 3));
  await told.event();
  assert.equal((await told.fault())[0].extensions.code, 'TOKEN_EXPIRED');
});

test('a token that is not taken is answered 401 with the reason', async (t) => {
  const fault = await following(t, 'any', 'nonsense', { retryAttempts: 0 }).fault();
  assert.equal(fault.response.status, 401);
  assert.equal((await fault.response.json()).errors[0].extensions.code, 'TOKEN_INVALID');
});
