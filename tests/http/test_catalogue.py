"""Was and now: what a product costs before it is in any cart."""

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Service

RULES = """\
promotions:
  - id: dairy-week
    label: {en: 10% off dairy, fr: 10 % sur la crèmerie}
    lane: price
    give: {percent_off: {percent: 10%, on: {category: grocery/dairy}}}
  - {id: golden, lane: price, customers: {tiers: [gold]}, give: {amount_off: {amount: 1 EUR, per: unit, on: {sku: milk}}}}
"""
QUERY = """
query($skus: [String!]!, $channel: String) {
  products(skus: $skus, channel: $channel) {
    price { amount } wasPrice { amount } nowPrice { amount currency }
    promotions { promotionId label(locale: "fr") amount { amount } }
  }
}
"""


def test_products_show_what_they_were_and_what_they_are_now(store_url: str, shop: Snapshot) -> None:
    rules = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, Snapshot(shop.shop, rules)).run() as service:
        milk, ham, case = service.client().run(QUERY, skus=["milk", "ham", "milk-6"], channel="pos")["products"]
        assert milk == {
            "price": {"amount": "1.20"},
            "wasPrice": {"amount": "1.20"},
            "nowPrice": {"amount": "1.08", "currency": "EUR"},
            "promotions": [
                {"promotionId": "dairy-week", "label": "10 % sur la crèmerie", "amount": {"amount": "0.12"}}
            ],
        }
        assert (ham["wasPrice"], ham["nowPrice"]["amount"], ham["promotions"]) == (None, "19.90", [])
        assert (case["price"], case["wasPrice"], case["nowPrice"], case["promotions"]) == (None, None, None, [])
        ada = service.client(service.token(CallerKind.CUSTOMER, "ada", "web"))
        (hers,) = ada.run(QUERY, skus=["milk"])["products"]
        assert hers["nowPrice"]["amount"] == "0.08"
        assert [offer["label"] for offer in hers["promotions"]] == ["10 % sur la crèmerie", "golden"]
