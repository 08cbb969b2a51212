-- The order in which the batches of a contract became visible, from 1 and without a gap: whoever read up to
-- one number asks for what comes after it. Null until a batch is published.
alter table handoff.batch add column published_seq bigint check (published_seq >= 1);

update handoff.batch b set published_seq = numbered.seq
from (select batch_id, row_number() over (partition by contract order by published_at, batch_id) as seq
      from handoff.batch where state = 'published') as numbered
where numbered.batch_id = b.batch_id;

create unique index batch_published on handoff.batch (contract, published_seq);
