"""What is sold for what: quotes and orders, as data. How they come about is in `engine.checkout_service`."""
