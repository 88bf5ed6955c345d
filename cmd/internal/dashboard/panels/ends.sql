-- Entry and exit | ranked | path
with views as (
  select visitor, path, weight, received_at, received_at - lag(received_at) over (partition by visitor order by received_at) as gap
  from v where name = 'view' and visitor is not null
), numbered as (
  select *, count(*) filter (gap is null or gap > interval 30 minutes) over (partition by visitor order by received_at) as session from views
), ends as (
  select unnest([arg_min(path, received_at), arg_max(path, received_at)]) as path,
    unnest([arg_min(weight, received_at), 0]) as entries, unnest([0, arg_max(weight, received_at)]) as exits
  from numbered group by visitor, session
)
select path, cast(round(sum(entries)) as bigint) as entries, cast(round(sum(exits)) as bigint) as exits
from ends group by path order by entries desc, path
