import { createClient } from 'graphql-ws';

// `token` is a function: it is asked before each connection, so that one that has ended comes back with a good token.
export function connect(url, token, options) {
  return createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    ...options,
  });
}

export function follow(client, cartId, fromVersion, { next, error, complete = () => {} }) {
  let version = fromVersion;
  // Read whenever the client subscribes: after a lost connection it goes on from the last event, not from the first.
  const variables = { cartId, get fromVersion() { return version; } };
  return client.subscribe({ query: FOLLOW, variables }, {
    next({ data, errors }) {
      if (errors) return error(errors);
      version = data.cartChanged.version;
      next(data.cartChanged);
    },
    error,
    complete,
  });
}

const FOLLOW = `
  subscription Follow($cartId: ID!, $fromVersion: Int) {
    cartChanged(cartId: $cartId, fromVersion: $fromVersion) {
      reason
      version
      operations { version member changes { verb details } }
      cart { id version lines { nodes { lineId sku quantity total { amount } } } totals { total { amount currency } } }
    }
  }`;
