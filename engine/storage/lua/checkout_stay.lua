#!lua
-- Keeps a quote, for which its cart was frozen, for the payments that may come.
--
-- KEYS    1 the quote, see checkout_attempt.lua    ARGV    1 for how long it is known, ms
-- Answer  {the amount hash of the quote that is kept, '' where none is}

redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {redis.call('HGET', KEYS[1], 'hash') or ''}
