-- What an organisation spends in a day and in a month of the programme's zone, and holds to be spent. Counted by every hold
-- of that scheme, so that a limit set today knows what was spent before it; what is given back goes where it was taken from.
-- Whoever changes these rows has locked an account of the same fund before, so nobody waits here for one who waits for him.

CREATE OR REPLACE FUNCTION spending_periods(p_day date) RETURNS TABLE (period text, starts_on date)
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp AS $$
  VALUES ('day', p_day), ('month', date_trunc('month', p_day::timestamp)::date);
$$;

-- Which limit of the partner's policy would be passed by spending so much more, the day's first; NULL: none.
CREATE OR REPLACE FUNCTION spending_over_limit(p_partner uuid, p_currency text, p_day date, p_amount bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  RETURN (
    SELECT periods.period
    FROM spending_periods(p_day) AS periods
    JOIN partner ON partner.id = p_partner
    LEFT JOIN organisation_spending AS spending ON spending.partner_id = p_partner AND spending.currency = p_currency
      AND spending.period = periods.period AND spending.starts_on = periods.starts_on
    WHERE coalesce(spending.amount_minor, 0) + p_amount
      > (partner.organisation_policy #>> ARRAY['limits', p_currency, periods.period || 'Minor'])::bigint
    ORDER BY periods.period LIMIT 1);
END
$$;

CREATE OR REPLACE FUNCTION spending_count(p_partner uuid, p_currency text, p_day date, p_amount bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  INSERT INTO organisation_spending AS spending (partner_id, currency, period, starts_on, amount_minor)
  SELECT p_partner, p_currency, period, starts_on, p_amount FROM spending_periods(p_day)
  ON CONFLICT (partner_id, currency, period, starts_on)
  DO UPDATE SET amount_minor = spending.amount_minor + excluded.amount_minor;
END
$$;

CREATE OR REPLACE FUNCTION spending_give_back(p_partner uuid, p_currency text, p_day date, p_amount bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  UPDATE organisation_spending AS spending SET amount_minor = spending.amount_minor - p_amount
  FROM spending_periods(p_day) AS periods
  WHERE spending.partner_id = p_partner AND spending.currency = p_currency
    AND spending.period = periods.period AND spending.starts_on = periods.starts_on;
END
$$;
