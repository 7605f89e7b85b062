-- The fund's mirror, a row a currency, integer minor units: size − drawn − reserved = available without the overdraft.
CREATE OR REPLACE FUNCTION fund_balance(p_partner uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'currency', fund.currency,
      'overdraftMinor', fund.overdraft_minor,
      'sizeMinor', -coalesce((SELECT balance FROM account WHERE kind = 'fund.external' AND asset = fund.currency), 0),
      'reservedMinor', coalesce((SELECT balance FROM account WHERE kind = 'fund.reserved' AND asset = fund.currency), 0),
      'drawnMinor', coalesce((SELECT balance FROM account WHERE kind = 'fund.drawn' AND asset = fund.currency), 0),
      'availableMinor', coalesce((SELECT balance FROM account WHERE kind = 'fund.available' AND asset = fund.currency), 0)
    ) ORDER BY fund.currency), '[]') FROM fund);
END
$$;
