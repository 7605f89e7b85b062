-- Tells the partner when what is available has fallen below his mark: once, and again only after it was above. Called within
-- every transfer that may have moved it, which holds the account's lock.
CREATE OR REPLACE FUNCTION fund_watch(p_partner uuid, p_debit uuid, p_credit uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_available account;
  v_fund fund;
BEGIN
  SELECT * INTO v_available FROM account WHERE id IN (p_debit, p_credit) AND kind = 'fund.available';
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT * INTO v_fund FROM fund WHERE partner_id = p_partner AND currency = v_available.asset;
  IF v_available.balance < v_fund.low_water_minor AND NOT v_fund.is_low THEN
    UPDATE fund SET is_low = true WHERE partner_id = p_partner AND currency = v_fund.currency;
    PERFORM event_publish(p_partner, 'fund.low', NULL, NULL, jsonb_build_object(
      'currency', v_fund.currency, 'availableMinor', v_available.balance, 'lowWaterMinor', v_fund.low_water_minor,
      'overdraftMinor', v_fund.overdraft_minor, 'guard', v_fund.guard), p_at);
  ELSIF v_available.balance > v_fund.low_water_minor AND v_fund.is_low THEN
    UPDATE fund SET is_low = false WHERE partner_id = p_partner AND currency = v_fund.currency;
  END IF;
END
$$;
