// Apollo Client: one cart in its cache, whether it comes from a query, a mutation or the subscription.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gql } from '@apollo/client';
import { loadDevMessages, loadErrorMessages } from '@apollo/client/dev';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { apollo } from './apollo.js';
import { Road, Told, add, create, newGuest, tokenOf, url } from './service.js';

loadDevMessages();
loadErrorMessages();

const CART = gql`
  fragment Cart on Cart {
    id
    version
    lines { totalCount nodes { lineId sku quantity product { id name } total { amount } } }
    members { memberId role }
    totals { total { amount currency } }
  }`;
const READ = gql`query Read($cartId: ID!) { cart(id: $cartId) { ...Cart } } ${CART}`;
const ADD = gql`
  mutation Add($cartId: ID!, $lines: [CartLineInput!]!) {
    cartLinesAdd(cartId: $cartId, lines: $lines) { cart { ...Cart } userErrors { code field message } }
  } ${CART}`;
const FOLLOW = gql`
  subscription Follow($cartId: ID!) { cartChanged(cartId: $cartId) { reason version cart { ...Cart } } } ${CART}`;

// A shop's page. What Apollo warns of fails the test.
function page(t, token, options, at = url) {
  const warned = ['warn', 'error'].map((name) => t.mock.method(console, name, () => {}).mock);
  const client = apollo(at, () => token, options);
  t.after(() => {
    client.stop();
    assert.deepEqual(warned.flatMap(({ calls }) => calls.map((call) => call.arguments)), []);
  });
  return client;
}

function observed(t, observable) {
  const told = new Told();
  const subscription = observable.subscribe(told);
  t.after(() => subscription.unsubscribe());
  return told;
}

// The cart as a page shows it, once it shows a version.
async function shown(watched, version) {
  for (;;) {
    const { data } = await watched.event();
    if (data?.cart?.version === version) return data.cart;
  }
}

test('query, mutation and subscription are about the same cart in the cache', async (t) => {
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk', quantity: 2 }]);
  const client = page(t, token);
  const watched = observed(t, client.watchQuery({ query: READ, variables: { cartId } }));
  assert.equal((await shown(watched, 1)).lines.nodes[0].product.name, 'Milk 1 l');

  const variables = { cartId, lines: [{ sku: 'oat' }] };
  const { data: { cartLinesAdd: added } } = await client.mutate({ mutation: ADD, variables });
  assert.deepEqual(await shown(watched, 2), added.cart);

  const events = observed(t, client.subscribe({ query: FOLLOW, variables: { cartId } }));
  assert.equal((await events.event()).data.cartChanged.reason, 'SNAPSHOT');
  for (let version = 3; version < 12; version += 1) {
    const { cart: { lines, totals } } = await add(token, cartId, version % 2 ? 'oat' : 'milk');
    const cart = await shown(watched, version);
    assert.deepEqual(cart.totals, { __typename: 'Totals', total: { __typename: 'Money', ...totals.total } });
    assert.deepEqual(cart.lines.nodes.map(({ lineId }) => lineId), lines.nodes.map(({ lineId }) => lineId));
    assert.deepEqual((await events.event()).data.cartChanged.cart, cart);
  }
  assert.deepEqual(Object.keys(client.cache.extract()).filter((key) => key.startsWith('Cart')), [`Cart:${cartId}`]);
});

test('a page that was offline shows the cart as it is when it comes back', async (t) => {
  const road = await Road.open();
  t.after(() => road.close());
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk' }]);
  const client = page(t, token, { retryWait: road.wait }, road.url);
  const watched = observed(t, client.watchQuery({ query: READ, variables: { cartId } }));
  await shown(watched, 1);
  const events = observed(t, client.subscribe({ query: FOLLOW, variables: { cartId } }));
  await events.event();
  road.cut();
  await add(token, cartId, 'oat');
  const { cart: { totals } } = await add(token, cartId, 'oat');
  road.mend();
  assert.equal((await shown(watched, 3)).totals.total.amount, totals.total.amount);
});

test('with the default settings of the cache the same product in two carts, and elsewhere, keeps the price of each', async (t) => {
  const token = tokenOf(newGuest());
  const [few, many] = [await create(token, [{ sku: 'milk' }]), await create(token, [{ sku: 'milk', quantity: 6 }])];
  const client = page(t, token);
  const query = gql`
    query Both($few: ID!, $many: ID!) {
      few: cart(id: $few) { ...Cart }
      many: cart(id: $many) { ...Cart priceOn(channel: "pos") { lines { nodes { lineId total { amount } } } } }
    }
    ${CART}`;
  const variables = { few, many };
  const { data } = await client.query({ query, variables });
  const amounts = ({ lines }) => lines.nodes.map(({ lineId, total }) => [lineId, total.amount]);
  const [[line, one]] = amounts(data.few);
  assert.deepEqual([amounts(data.many)[0][0], amounts(data.many.priceOn)[0][0]], [line, line]);
  assert.notEqual(amounts(data.many)[0][1], one);
  assert.deepEqual(client.readQuery({ query, variables }), data);
  await client.mutate({ mutation: ADD, variables: { cartId: few, lines: [{ sku: 'milk' }] } });
  assert.deepEqual(client.readQuery({ query, variables }).many, data.many);

  // What a merge would come to is not what the cart holds.
  const preview = gql`
    query Preview($few: ID!, $many: ID!) {
      cartMergePreview(sourceId: $few, targetId: $many) { cart { lines { nodes { lineId quantity } } } }
    }`;
  const { data: { cartMergePreview: { cart } } } = await client.query({ query: preview, variables });
  assert.deepEqual(cart.lines.nodes.map(({ lineId, quantity }) => [lineId, quantity]), [[line, 8]]);
  assert.deepEqual(client.readQuery({ query, variables }).many, data.many);
  assert.deepEqual(
    Object.keys(client.cache.extract()).filter((key) => !key.startsWith('ROOT')).map((key) => key.split(':')[0]).sort(),
    ['Cart', 'Cart', 'Product'],
  );
});

test('what is refused is data, and a fault is an error with its code', async (t) => {
  const token = tokenOf(newGuest());
  const cartId = await create(token, [{ sku: 'milk' }]);
  const client = page(t, token);
  const variables = { cartId, lines: [{ sku: 'nothing' }] };
  const { data, error } = await client.mutate({ mutation: ADD, variables });
  assert.equal(error, undefined);
  assert.deepEqual(data.cartLinesAdd.userErrors.map(({ code, field }) => [code, field]), [
    ['UNKNOWN_SKU', ['lines', '0', 'sku']],
  ]);
  const stranger = page(t, 'nonsense');
  await assert.rejects(stranger.query({ query: READ, variables: { cartId } }), (fault) => (
    CombinedGraphQLErrors.is(fault) && fault.errors[0].extensions.code === 'TOKEN_INVALID'
  ));
  const hidden = await create(tokenOf(newGuest()), []);
  const refused = observed(t, client.subscribe({ query: FOLLOW, variables: { cartId: hidden } }));
  const { error: told } = await refused.event();
  assert.equal(told.errors[0].extensions.code, 'CART_NOT_FOUND');
});
