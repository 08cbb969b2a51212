-- One line an object, of what the rooms own. What differs between servers and not between databases
-- is left out: the owner's own rights, NOT NULL as a constraint (a row since PostgreSQL 18), oids.
with ours as (
    select n.oid, n.nspname::text as room, n.nspowner, n.nspacl
    from pg_namespace n
    where n.nspowner = (select oid from pg_roles where rolname = 'sxe_owner')
), logins as (
    select oid, rolname, rolsuper, rolbypassrls from pg_roles
    where rolname in ('sxe_social', 'sxe_contacts', 'sxe_api', 'sxe_serve', 'sxe_sealer', 'sxe_dagster')
), inside as (
    select * from ours where room <> 'dagster'
), rights (class, object, owner, acl) as (
    select 'schema', room, nspowner, coalesce(nspacl, acldefault('n', nspowner)) from ours
    union all
    select 'schema', nspname::text, nspowner, coalesce(nspacl, acldefault('n', nspowner))
    from pg_namespace where nspname = 'public'
    union all
    select 'relation', room || '.' || relname, relowner,
           coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
    from pg_class join inside on inside.oid = relnamespace where relkind in ('r', 'v', 'm', 'S', 'p')
    union all
    select 'column', room || '.' || relname || '.' || attname, relowner, attacl
    from pg_attribute join pg_class c on c.oid = attrelid join inside on inside.oid = relnamespace
    where attacl is not null
    union all
    select 'function', room || '.' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           proowner, coalesce(proacl, acldefault('f', proowner))
    from pg_proc p join inside on inside.oid = pronamespace
    union all
    select 'type', room || '.' || typname, typowner, coalesce(typacl, acldefault('T', typowner))
    from pg_type t join inside on inside.oid = typnamespace where typtype = 'd'
    union all
    select 'database', 'this', datdba, coalesce(datacl, acldefault('d', datdba))
    from pg_database where datname = current_database()
), lines (line) as (
    select format('schema %s owner %s', room, pg_get_userbyid(nspowner)) from ours
    union all
    select format('grant %s %s to %s: %s', class, object, grantee, string_agg(
               privilege_type || case when is_grantable then '*' else '' end, ',' order by privilege_type))
    from (select class, object, x.privilege_type, x.is_grantable,
                 case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end as grantee
          from rights cross join lateral aclexplode(acl) x where x.grantee <> owner) granted
    group by class, object, grantee
    union all
    select format('table %s.%s kind %s owner %s options %s rls %s force %s', room, relname, relkind,
                  pg_get_userbyid(relowner), coalesce(array_to_string(reloptions, ','), '-'),
                  relrowsecurity, relforcerowsecurity)
    from pg_class join inside on inside.oid = relnamespace where relkind in ('r', 'v', 'm', 'S', 'p')
    union all
    select format('column %s.%s.%s %s%s%s%s', room, relname, attname,
                  format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end,
                  case attidentity when '' then '' else ' identity ' || attidentity::text end,
                  case attgenerated when '' then ' default ' else ' generated ' end
                      || coalesce(pg_get_expr(adbin, adrelid), '-'))
    from pg_attribute a join pg_class c on c.oid = attrelid join inside on inside.oid = relnamespace
    left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
    where attnum > 0 and not attisdropped and relkind in ('r', 'v', 'm', 'p')
    union all
    select format('constraint %s.%s.%s %s%s', room, relname, conname, pg_get_constraintdef(k.oid),
                  case when convalidated then '' else ' not valid' end)
    from pg_constraint k join pg_class c on c.oid = conrelid join inside on inside.oid = relnamespace
    where contype <> 'n'
    union all
    select format('domain %s.%s %s %s', room, typname, format_type(typbasetype, typtypmod),
                  coalesce((select string_agg(pg_get_constraintdef(k.oid), ' ' order by conname)
                            from pg_constraint k where contypid = t.oid and contype <> 'n'), '-'))
    from pg_type t join inside on inside.oid = typnamespace where typtype = 'd'
    union all
    select format('index %s', pg_get_indexdef(indexrelid))
    from pg_index i join pg_class c on c.oid = indexrelid join inside on inside.oid = relnamespace
    union all
    select format('trigger %s enabled %s', pg_get_triggerdef(g.oid), tgenabled)
    from pg_trigger g join pg_class c on c.oid = tgrelid join inside on inside.oid = relnamespace
    where not tgisinternal
    union all
    select format('policy %s on %s.%s for %s to %s using %s check %s', polname, room, relname, polcmd,
                  (select string_agg(pg_get_userbyid(r), ',' order by 1) from unnest(polroles) r),
                  coalesce(pg_get_expr(polqual, polrelid), '-'),
                  coalesce(pg_get_expr(polwithcheck, polrelid), '-'))
    from pg_policy o join pg_class c on c.oid = polrelid join inside on inside.oid = relnamespace
    union all
    select format('view %s.%s %s', room, relname, encode(sha256(convert_to(
                  regexp_replace(pg_get_viewdef(c.oid), '\s+', ' ', 'g'), 'UTF8')), 'hex'))
    from pg_class c join inside on inside.oid = relnamespace where relkind = 'v'
    union all
    select format('function %s.%s(%s) returns %s language %s %s%s owner %s set %s body %s', room,
                  proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), lanname,
                  provolatile, case when prosecdef then ' security definer' else '' end,
                  pg_get_userbyid(proowner), coalesce(array_to_string(proconfig, ','), '-'),
                  encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'))
    from pg_proc p join inside on inside.oid = pronamespace join pg_language l on l.oid = prolang
    union all
    select format('rule %s on %s.%s enabled %s %s', rulename, room, relname, ev_enabled,
                  encode(sha256(convert_to(pg_get_ruledef(u.oid), 'UTF8')), 'hex'))
    from pg_rewrite u join pg_class c on c.oid = ev_class join inside on inside.oid = relnamespace
    where rulename <> '_RETURN'
    union all
    select format('login %s is %s', rolname, concat_ws(' and ',
                  case when rolsuper then 'superuser' end,
                  case when rolbypassrls then 'above row security' end))
    from logins where rolsuper or rolbypassrls
    union all
    select format('login %s acts as %s', l.rolname, pg_get_userbyid(roleid))
    from pg_auth_members join logins l on l.oid = member
    where pg_get_userbyid(roleid) in ('sxe_owner', 'pg_read_all_data', 'pg_write_all_data')
       or roleid in (select oid from logins)
)
select line from lines order by line collate "C"
