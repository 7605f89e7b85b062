-- Room on the page for a balance's next version, as 0012b has it for payments: without it an account that moves for the first
-- time in a while is written to another page, and to each of its indexes (measured by `npm run bench -- ledger`). It counts
-- for what is written from now on; nothing is rewritten.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE account SET (fillfactor = 80);
