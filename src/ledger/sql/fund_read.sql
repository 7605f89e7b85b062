-- The fund's mirror as people read it, a row a currency, integer minor units: size − drawn − reserved = available without the
-- overdraft. The runway is how many seconds what is available, with the overdraft, would last at the average of the draws of
-- the last 7 and 30 days; NULL where nothing was drawn. It is read from the quarters of an hour, at most 2,880 rows.
CREATE OR REPLACE FUNCTION fund_read(p_partner uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'currency', fund.currency,
      'overdraftMinor', fund.overdraft_minor,
      'guard', fund.guard,
      'sizeMinor', -external,
      'repaidMinor', repaid,
      'reservedMinor', reserved,
      'drawnMinor', drawn,
      'availableMinor', available,
      'lowWaterMinor', fund.low_water_minor,
      'isLow', fund.is_low,
      'doubtedAt', (SELECT fund_doubted_at FROM partner WHERE id = p_partner),
      'runway', jsonb_build_object(
        'over7DaysSeconds', fund_runway(available + fund.overdraft_minor, drawn_7, 7),
        'over30DaysSeconds', fund_runway(available + fund.overdraft_minor, drawn_30, 30))
    ) ORDER BY fund.currency), '[]')
    FROM fund
    CROSS JOIN LATERAL (
      SELECT
        coalesce(sum(balance) FILTER (WHERE kind = 'fund.external'), 0)::bigint AS external,
        coalesce(sum(balance) FILTER (WHERE kind = 'fund.reserved'), 0)::bigint AS reserved,
        coalesce(sum(balance) FILTER (WHERE kind = 'fund.drawn'), 0)::bigint AS drawn,
        coalesce(sum(balance) FILTER (WHERE kind = 'fund.available'), 0)::bigint AS available
      FROM account
      WHERE partner_id = p_partner AND owner IS NULL AND asset = fund.currency
        AND kind IN ('fund.external', 'fund.reserved', 'fund.drawn', 'fund.available')
    ) AS balances
    CROSS JOIN LATERAL (
      SELECT
        coalesce(sum(outgoing_minor) FILTER (WHERE quarter > p_at - interval '7 days'), 0) AS drawn_7,
        coalesce(sum(outgoing_minor), 0) AS drawn_30
      FROM fund_flow
      WHERE partner_id = p_partner AND currency = fund.currency AND kind = 'draw'
        AND quarter > p_at - interval '30 days' AND quarter <= p_at
    ) AS draws
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(incoming_minor), 0)::bigint AS repaid FROM fund_flow
      WHERE partner_id = p_partner AND currency = fund.currency AND kind = 'repayment'
    ) AS repayments
    WHERE fund.partner_id = p_partner);
END
$$;

-- Seconds; at most what a JSON number carries whole.
CREATE OR REPLACE FUNCTION fund_runway(p_available bigint, p_drawn numeric, p_days integer) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN CASE WHEN p_drawn > 0 THEN
  least(trunc(greatest(p_available, 0) * (p_days * 86400) / p_drawn), 9007199254740991)::bigint END;
