-- A payment and a hold name a member whom payment_open and payment_hold have looked up; nobody may delete one. A foreign key
-- besides would lock his row at each hold, which writes to a page of its own in a large ledger (found by
-- `npm run bench -- ledger`). ledger_violation tells of a payment or a hold of nobody.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE payment DROP CONSTRAINT payment_member_id_fkey;
ALTER TABLE hold DROP CONSTRAINT hold_member_id_fkey;
