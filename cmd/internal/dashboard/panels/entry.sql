-- Entry pages | ranked | path
with views as (
  select visitor, path, weight, received_at, received_at - lag(received_at) over (partition by visitor order by received_at) as gap
  from v where name = 'view' and visitor is not null
), sessions as (
  select *, count(*) filter (gap is null or gap > interval 30 minutes) over (partition by visitor order by received_at) as session from views
)
select path, cast(round(sum(weight)) as bigint) as sessions
from (select arg_min(path, received_at) as path, arg_min(weight, received_at) as weight from sessions group by visitor, session)
group by path order by sessions desc, path
