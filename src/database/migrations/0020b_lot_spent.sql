-- Whether anything is left of a lot, apart from how much: indexes that name how much keep a lot from being changed in its
-- place, and each spending would write to all of them, in pages that a large ledger has on the disk (found by
-- `npm run bench -- ledger`). Kept by a trigger, so that the functions of the release before keep it too.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

ALTER TABLE lot ADD COLUMN spent boolean NOT NULL DEFAULT false;
UPDATE lot SET spent = true WHERE remaining = 0;
ALTER TABLE lot ADD CONSTRAINT lot_spent_is_empty CHECK (NOT spent OR remaining = 0);

CREATE FUNCTION lot_mark_spent() RETURNS trigger
LANGUAGE plpgsql SET search_path = surety, pg_temp AS $$
BEGIN
  NEW.spent := NEW.remaining = 0;
  RETURN NEW;
END
$$;
CREATE TRIGGER lot_spent BEFORE UPDATE OF remaining ON lot
  FOR EACH ROW WHEN (NEW.spent <> (NEW.remaining = 0)) EXECUTE FUNCTION lot_mark_spent();

DROP INDEX lot_spendable, lot_expiring;
CREATE INDEX lot_spendable ON lot (member_id, expires_at, id) WHERE NOT spent;
CREATE INDEX lot_expiring ON lot (expires_at, id) WHERE NOT spent;

GRANT SELECT (spent) ON lot TO surety_directory;
