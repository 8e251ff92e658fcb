"""The oracle: pricing written a second time, slowly and obviously, to be compared with the engine.

It reads the shop folder, the rule files and the cart documents itself and has its own exact fractions, rounding,
allocation, tax and calendar. Of `engine` it knows nothing but the parsed rule model, which it reads as data; a test in
`tests/test_oracle.py` walks its imports. Where speed and clarity disagree, clarity wins: a hundred pieces are a hundred
objects, and every promotion is looked at for every cart.
"""
