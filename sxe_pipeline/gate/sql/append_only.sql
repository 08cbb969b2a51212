-- What the gate wrote down stays as it is.

create or replace function gate.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'this record is append-only' using errcode = '42501';
end $$;

create or replace trigger refuse_change before update or delete or truncate on gate.transfer
    for each statement execute function gate.refuse_change();
create or replace trigger refuse_change before update or delete or truncate on gate.approval
    for each statement execute function gate.refuse_change();
create or replace trigger refuse_change before update or delete or truncate on gate.call_step
    for each statement execute function gate.refuse_change();
create or replace trigger refuse_change before update or delete or truncate on gate.request_version
    for each statement execute function gate.refuse_change();
