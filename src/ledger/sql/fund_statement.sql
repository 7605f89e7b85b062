-- The fund over a month of the programme's zone, as Invoicebox's own statement has it: what came and what was taken;
-- reservations are ours alone and move nothing there. The balance is size − drawn.

-- Where it begins: {timeZone, from, before, openingMinor}; NULL where there is no fund of the currency. The opening is summed
-- from quarters of an hour, so it costs the same however many entries there are.
CREATE OR REPLACE FUNCTION fund_statement_begin(p_partner uuid, p_currency text, p_month date) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_zone text;
  v_from timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM fund WHERE partner_id = p_partner AND currency = p_currency) THEN
    RETURN NULL;
  END IF;
  v_zone := partner_zone(p_partner);
  v_from := p_month::timestamp AT TIME ZONE v_zone;
  RETURN jsonb_build_object(
    'timeZone', v_zone,
    'from', v_from,
    'before', (p_month + interval '1 month')::timestamp AT TIME ZONE v_zone,
    'openingMinor', (SELECT coalesce(sum(incoming_minor - outgoing_minor), 0)::bigint FROM fund_flow
      WHERE partner_id = p_partner AND currency = p_currency AND quarter < v_from));
END
$$;

-- A page of its entries, in the order of their time, from after the given one (exclusive). Amounts are signed, as the balance
-- moved; VAT is the paid invoice's. localTime: in the programme's zone, to the second.
CREATE OR REPLACE FUNCTION fund_statement_page(
  p_partner uuid, p_currency text, p_before timestamptz, p_after_at timestamptz, p_after uuid, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_zone text;
  v_world uuid[];
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_zone := partner_zone(p_partner);
  SELECT array_agg(id) INTO v_world FROM account
  WHERE partner_id = p_partner AND owner IS NULL AND asset = p_currency AND kind IN ('fund.external', 'fund.drawn');
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', page.id, 'at', page.at,
      'localTime', to_char(page.at AT TIME ZONE v_zone, 'YYYY-MM-DD"T"HH24:MI:SS'),
      'kind', page.kind,
      'amountMinor', CASE WHEN page.debit = ANY (v_world) THEN page.amount ELSE -page.amount END,
      'vatAmountMinor', CASE page.kind WHEN 'draw' THEN payment.vat_amount_minor END,
      'invoiceNumber', payment.invoice_number,
      'transactionId', payment.transaction_id,
      'reference', CASE page.kind WHEN 'draw' THEN NULL ELSE page.reference END,
      'paymentId', page.payment_id) ORDER BY page.at, page.id), '[]')
    FROM (
      SELECT * FROM transfer
      WHERE partner_id = p_partner
        AND kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal')
        AND (debit = ANY (v_world) OR credit = ANY (v_world))
        AND at < p_before AND (at, id) > (p_after_at, p_after)
      ORDER BY at, id LIMIT p_limit
    ) AS page LEFT JOIN payment ON payment.id = page.payment_id);
END
$$;
