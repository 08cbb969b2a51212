-- No table of the gate is open to any login, only functions are.

grant usage on schema gate to sxe_social, sxe_contacts, sxe_api;

grant execute on function
    gate.put_candidates(uuid, jsonb),
    gate.withdraw_candidates(text, text, text[]),
    gate.withdraw_cards(text[]),
    gate.count_candidates()
    to sxe_social;

grant execute on function
    gate.preview(text, jsonb), gate.submit(text, jsonb),
    gate.approve(text, uuid, int, text, text, int[], bigint, text[]),
    gate.reject(text, uuid, int, text, text), gate.revoke(text, uuid, text),
    gate.propose(text, text, jsonb, text), gate.decide(text, uuid, boolean),
    gate.kill(text, text, text), gate.accept(text, text), gate.renew(text, text, timestamptz), gate.revoke_token(text, text),
    gate.retire(text, text), gate.count_refusal(text), gate.show_refusals(),
    gate.show_requests(uuid), gate.receipt(text, uuid), gate.show_budgets(),
    gate.show_providers(), gate.show_proposals(), gate.show_principals(), gate.show_policy(),
    gate.show_market_cost(text)
    to sxe_api;

grant execute on function
    gate.claim_launches(int, uuid[]), gate.begin(uuid, int, text), gate.permit(uuid, bigint, text),
    gate.sending(uuid, bigint), gate.release(uuid, bigint, text, int, boolean),
    gate.unknown(uuid, bigint, text, int), gate.settle(uuid, bigint, jsonb),
    gate.wait(uuid, bigint, double precision), gate.stop(uuid, bigint, text, text),
    gate.reconcile(text, bigint, text), gate.finish(uuid, bigint), gate.sweep(int),
    gate.deliverable(uuid), gate.recover_asks(text[], timestamptz)
    to sxe_contacts;
