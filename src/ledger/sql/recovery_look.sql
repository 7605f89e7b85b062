-- What a recovery compares with what Temporal knows.

-- How these payments stand; those that are not there are left out. NULL: nor is the partner.
CREATE OR REPLACE FUNCTION payment_recovery_rows(p_partner uuid, p_payments uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM partner WHERE id = p_partner) THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('paymentId', id, 'state', state, 'transactionId', transaction_id)), '[]')
    FROM payment WHERE id = ANY (p_payments));
END
$$;

-- The state of a batch, an import of credits or a return; NULL: it is not there.
CREATE OR REPLACE FUNCTION recovery_subject_state(p_partner uuid, p_kind text, p_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  CASE p_kind
    WHEN 'batch' THEN RETURN (SELECT to_jsonb(state) FROM payment_batch WHERE id = p_id);
    WHEN 'import' THEN RETURN (SELECT to_jsonb(state) FROM credit_import WHERE id = p_id);
    WHEN 'return' THEN RETURN (SELECT to_jsonb(state) FROM payment_return WHERE id = p_id);
  END CASE;
END
$$;
