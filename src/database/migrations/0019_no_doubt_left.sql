-- What was unknown may turn out to be known: no call has reached Invoicebox, so the payment goes on settling.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

INSERT INTO payment_transition (from_state, to_state) VALUES ('unknown', 'settling');
