-- Money that comes to the guarantee fund or leaves it otherwise than by a payment. Each once by its reference:
--   deposit     transferred to it, by the bill's number
--   repayment   by an older form of the contract the fund is security, and what was bought is repaid by a bill
--   correction  what sets the mirror right; the one whose amount may be below zero

-- Books it. Outcomes: booked, already_booked {transferId}; conflict.
CREATE OR REPLACE FUNCTION fund_book(
  p_partner uuid, p_kind text, p_currency text, p_amount_minor bigint, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_external uuid := ledger_account(p_partner, 'fund.external', NULL, p_currency);
  v_available uuid := ledger_account(p_partner, 'fund.available', NULL, p_currency);
  v_debit uuid := CASE WHEN p_amount_minor > 0 THEN v_external ELSE v_available END;
  v_credit uuid := CASE WHEN p_amount_minor > 0 THEN v_available ELSE v_external END;
  v_transfer transfer;
BEGIN
  IF p_amount_minor < 0 AND p_kind <> 'correction' THEN
    RAISE EXCEPTION 'a % cannot take money away', p_kind;
  END IF;
  PERFORM FROM account WHERE id IN (v_external, v_available) ORDER BY id FOR UPDATE;
  SELECT * INTO v_transfer FROM transfer WHERE partner_id = p_partner AND kind = p_kind AND reference = p_reference;
  IF FOUND THEN
    RETURN CASE
      WHEN v_transfer.credit = v_credit AND v_transfer.amount = abs(p_amount_minor)
        THEN jsonb_build_object('outcome', 'already_booked', 'transferId', v_transfer.id)
      ELSE jsonb_build_object('outcome', 'conflict') END;
  END IF;
  RETURN jsonb_build_object('outcome', 'booked', 'transferId', ledger_transfer(
    p_partner, NULL, p_kind, v_debit, v_credit, abs(p_amount_minor), p_reference, p_actor, p_at));
END
$$;

-- What an approval grants (approval_perform.sql).
CREATE OR REPLACE FUNCTION fund_change_perform(p_approval approval, p_kind text, p_actor jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_booked jsonb := fund_book(p_approval.partner_id, p_kind, p_approval.body ->> 'currency',
    (p_approval.body ->> 'amountMinor')::bigint, p_approval.subject, p_actor, p_at);
BEGIN
  IF v_booked ->> 'outcome' = 'booked' THEN
    -- Where a difference was to be set right by it, it is.
    PERFORM fund_difference_corrected(p_approval.id, p_approval.reason, p_actor -> 'decidedBy', p_at);
  END IF;
  RETURN CASE v_booked ->> 'outcome'
    WHEN 'booked' THEN jsonb_build_object('outcome', 'done', 'transferId', v_booked ->> 'transferId')
    -- Somebody has booked this bill meanwhile without asking (partner apply).
    ELSE jsonb_build_object('outcome', 'refused', 'why', 'reference_is_booked') END;
END
$$;

-- Asks for one, or does it where approval is waived. Outcomes: those of approval_request; already_booked {transferId} (by the
-- operator, who needs no approval), conflict {approval | null}, no_fund.
CREATE OR REPLACE FUNCTION fund_change_request(
  p_partner uuid, p_approval uuid, p_kind text, p_currency text, p_amount_minor bigint, p_reference text, p_reason text,
  p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_transfer transfer;
  v_amount_minor bigint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM fund WHERE partner_id = p_partner AND currency = p_currency) THEN
    RETURN jsonb_build_object('outcome', 'no_fund');
  END IF;
  SELECT * INTO v_transfer FROM transfer WHERE partner_id = p_partner AND kind = p_kind AND reference = p_reference;
  IF FOUND AND v_transfer.actor ->> 'kind' <> 'approval' THEN
    SELECT CASE kind WHEN 'fund.available' THEN v_transfer.amount ELSE -v_transfer.amount END INTO v_amount_minor
    FROM account WHERE id = v_transfer.credit AND asset = p_currency;
    RETURN CASE
      WHEN v_amount_minor = p_amount_minor THEN jsonb_build_object('outcome', 'already_booked', 'transferId', v_transfer.id)
      ELSE jsonb_build_object('outcome', 'conflict', 'approval', NULL) END;
  END IF;
  RETURN approval_request(p_partner, p_approval, 'fund.' || p_kind, p_reference, 1, jsonb_build_object(
    'currency', p_currency, 'amountMinor', p_amount_minor, 'reference', p_reference), p_reason, p_actor, p_at);
END
$$;
