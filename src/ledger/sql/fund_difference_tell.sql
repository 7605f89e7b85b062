-- Tells the partner at once that the books and Invoicebox disagree about its fund. p_kind: what kind of difference;
-- p_code: Invoicebox's, where it said one; p_difference: the difference's own id, where it has one.
CREATE OR REPLACE FUNCTION fund_difference_tell(
  p_partner uuid, p_kind text, p_currency text, p_amount_minor bigint, p_payment uuid, p_code text, p_difference uuid,
  p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM event_publish(p_partner, 'fund.difference', NULL, NULL, jsonb_build_object(
    'kind', p_kind, 'currency', p_currency, 'amountMinor', p_amount_minor, 'paymentId', p_payment, 'code', p_code,
    'differenceId', p_difference), p_at);
END
$$;
