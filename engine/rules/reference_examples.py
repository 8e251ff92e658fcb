"""The examples of the reference for what is no word of its own, as whole rule files; words carry theirs themselves.

All of them run on the products of ``examples/cookbook``.
"""

from typing import Final

FILE: Final = """\
rounding: half_even
lanes:
  - {name: item}
  - {name: one-coupon, mode: best}
promotions:
  - id: shoe-week
    give: {percent_off: {percent: 20%, on: {category: shoes}}}
    examples:
      - {cart: [{sku: boots}], expect: {discount: 20.00 EUR}}
"""

PROMOTION: Final = """\
promotions:
  - id: autumn-shoes
    label: {fr: "20 % de remise sur les chaussures", en: "20% off shoes"}
    lane: item
    priority: 10
    active: {from: 2030-10-01, until: 2030-11-30}
    channels: [web, app]
    customers: {tiers: [silver, gold]}
    codes: [AUTUMN]
    tags: [seasonal]
    excludes: [clearance-sale]
    when: {spend: {at_least: 50 EUR, on: {category: shoes}}}
    give: {percent_off: {percent: 20%, on: {category: shoes}, except: {tag: clearance}, at_most: 30 EUR}}
    examples:
      - cart: [{sku: boots}]
        customer: {tier: gold}
        expect: {discount: 20.00 EUR}
      - cart: [{sku: boots, quantity: 2}]
        customer: {tier: gold}
        expect: {discount: 30.00 EUR, outcome: capped}
      - cart: [{sku: boots}]
        expect: {outcome: sign_in}
"""

ACTIVE: Final = """\
promotions:
  - id: late-shopping
    active:
      from: 2030-06-01
      until: 2030-08-31
      timezone: Europe/Paris
      weekly: [{days: [fri, sat], from: "21:00", until: "01:00"}]
      except_days: [2030-07-13]
    give: {order_percent_off: {percent: 10%}}
    examples:
      - {cart: [{sku: boots}], at: 2030-06-07T22:00, expect: {discount: 10.00 EUR}}
      - {cart: [{sku: boots}], at: 2030-06-09T00:59, expect: {discount: 10.00 EUR}}
      - {cart: [{sku: boots}], at: 2030-07-13T22:00, expect: {outcome: outside_window}}
      - {cart: [{sku: boots}], at: 2030-09-06T22:00, expect: {outcome: outside_window}}
"""

LIMITS: Final = """\
promotions:
  - id: leaflet
    codes: [LEAFLET-1, LEAFLET-2]
    limits: {per_code: 1, on_cancel: keep}
    give: {order_amount_off: {amount: 5 EUR}}
  - id: first-come
    codes: [EARLY-BIRD]
    limits: {total: 10000, per_customer: 1, per_store: 2000, per_day: 500, budget: 20000 EUR, partial: true}
    give: {order_percent_off: {percent: 10%}}
    examples:
      - {cart: [{sku: boots}], customer: {id: ada}, expect: {discount: 10.00 EUR}}
      - {cart: [{sku: boots}], expect: {outcome: sign_in}}
      - {cart: [{sku: boots}], customer: {id: ada}, closed: {first-come: limit}, expect: {outcome: limit_reached}}
      - cart: [{sku: boots}]
        customer: {id: ada}
        budget_left: {first-come: 4.00 EUR}
        expect: {discount: 4.00 EUR, outcome: capped}
"""

LOYALTY: Final = """\
loyalty:
  timezone: Europe/Paris
  pending: {days: 14, event: delivered}
  expires: {days: 365, at_end_of: month}
  burn: {points: 100, worth: {EUR: 1.00, USD: 1.10}, as: discount, minimum: 500, step: 100, at_most: 50%}
  tiers:
    levels:
      - {id: silver, label: {en: Silver, fr: Argent}, from_points: 1000}
      - {id: gold, from_points: 5000}
    window: rolling
    days: 365
    downgrade: step
  stamps:
    - id: shoes
      label: {en: Shoe card, fr: Carte chaussures}
      on: {category: shoes}
      except: {tag: clearance}
      per: unit
      expires: {days: 730, at_end_of: year}
    - {id: visits, per: order}
  welcome: 100
  birthday: 200
  family: {pooled: true, shared_cart: lines, members_burn: false}
  on_cancel: {claw_back: negative, grace_days: 14}
promotions:
  - id: a-point-for-a-euro
    give: {points: {per: 1 EUR, add: 1}}
    examples:
      - {cart: [{sku: boots}], expect: {points: 100}}
  - id: tenth-pair
    limits: {stamps: {card: shoes, take: 9}}
    give: {percent_off: {percent: 100%, on: {category: shoes}, max_units: 1}}
    examples:
      - {cart: [{sku: boots}], customer: {id: ada, stamps: {shoes: 9}}, expect: {discount: 100.00 EUR}}
      - {cart: [{sku: boots}], customer: {id: ada, stamps: {shoes: 8}}, expect: {outcome: not_for_customer}}
"""

CUSTOMERS: Final = """\
promotions:
  - id: old-friends
    customers: {tiers: [silver, gold], orders: {at_least: 10}, account_age: {at_least_days: 365}}
    give: {order_percent_off: {percent: 10%}}
    examples:
      - {cart: [{sku: boots}], customer: {id: ada}, expect: {discount: 10.00 EUR}}
      - {cart: [{sku: boots}], customer: {id: ben}, expect: {outcome: not_for_customer}}
      - {cart: [{sku: boots}], expect: {outcome: sign_in}}
"""

SELECTOR: Final = """\
promotions:
  - id: alpina-or-big-shoes
    give:
      percent_off:
        percent: 10%
        on:
          category: shoes
          or: [{attribute: {brand: Alpina}}, {price: {at_least: 50 EUR}}]
          not: {tag: clearance}
    examples:
      - {cart: [{sku: boots}, {sku: sneakers}], expect: {discount: 16.00 EUR}}
      - {cart: [{sku: sandals}, {sku: wool-socks}], expect: {outcome: no_target}}
"""

WHEN: Final = """\
promotions:
  - id: three-pairs-or-gold
    when:
      spend: {at_least: 20 EUR}
      or:
        - quantity: {at_least: 3, on: {category: shoes}}
        - customers: {tiers: [gold]}
      not: {delivery: {methods: [pickup]}}
    give: {order_percent_off: {percent: 5%}}
    examples:
      - {cart: [{sku: boots, quantity: 3}], expect: {discount: 15.00 EUR}}
      - {cart: [{sku: boots}], customer: {id: ada}, expect: {discount: 5.00 EUR}}
      - {cart: [{sku: boots}], expect: {outcome: condition_failed}}
      - {cart: [{sku: boots, quantity: 3}], delivery: {method: pickup}, expect: {outcome: condition_failed}}
"""

GIVE: Final = """\
promotions:
  - id: ten-off-capped
    give: {percent_off: {percent: 10%, at_most: 15 EUR}}
    examples:
      - {cart: [{sku: boots}], expect: {discount: 10.00 EUR}}
      - {cart: [{sku: boots, quantity: 2}], expect: {discount: 15.00 EUR, outcome: capped}}
"""

EXAMPLE: Final = """\
promotions:
  - id: points-for-shoes
    give: {points: {per: 1 EUR, add: 2, on: {category: shoes}}}
    examples:
      - cart: [{sku: boots}, {sku: mug, quantity: 2}]
        expect: {points: 200, outcome: applied}
      - cart: [{product: {sku: clogs, category: shoes/clogs}, price: 35.50}]
        channel: app
        expect: {points: 70}
"""
