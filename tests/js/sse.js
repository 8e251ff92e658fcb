import { createClient } from 'graphql-sse';

// `follow` of websocket.js takes this client as well.
export function connect(url, token, options) {
  return createClient({
    url,
    headers: async () => ({ authorization: `Bearer ${await token()}` }),
    ...options,
  });
}
