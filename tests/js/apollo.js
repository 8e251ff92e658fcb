import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { connect } from './websocket.js';

export function apollo(url, token, options) {
  const signed = new SetContextLink(async () => ({ headers: { authorization: `Bearer ${await token()}` } }));
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(connect(url, token, options)),
      signed.concat(new HttpLink({ uri: url })),
    ),
    cache: new InMemoryCache(),
  });
}
