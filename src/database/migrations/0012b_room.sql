-- Room on the page for the versions that a row goes through: a payment has nine on its way to paid. Without it each of them
-- looked for room elsewhere, in a page of its own: with ten million transfers nine reads of the disk a payment (measured by
-- `npm run bench -- ledger`). It counts for what is written from now on; nothing is rewritten.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE payment SET (fillfactor = 50);
ALTER TABLE hold SET (fillfactor = 70);
ALTER TABLE lot SET (fillfactor = 90);
