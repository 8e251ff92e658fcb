"""Small shops, rules and carts by chance, in which everything happens often.

Everything is drawn from a `random.Random`, so a number names a scenario, and hypothesis may be the chance as well. A
scenario is text, as people write it: engine and oracle both read it from the first byte. Amounts are small, so that
halves of a cent, floors and ties are the rule; instants lie around the two nights on which clocks are changed.
"""
