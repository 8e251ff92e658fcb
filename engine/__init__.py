"""Panier's engine: carts, pricing and rules.

Read it from the inside out: `money`, `types`, `errors`, `source` import nothing of ours; `cart` is what shoppers did;
`pricing` is what things cost; `rules` is the merchandiser's language; `storage` alone talks to the store; `service` is
the only shell around the pure parts.
"""
