-- Entry and exit | ranked | path | additive
with views as (
  select path, weight, received_at - lag(received_at) over w as before, lead(received_at) over w - received_at as after
  from v where name = 'view' and visitor is not null window w as (partition by visitor order by received_at)
)
select path, sum(if(before is null or before > interval 30 minutes, weight, 0)) as entries,
  sum(if(after is null or after > interval 30 minutes, weight, 0)) as exits
from views group by path having entries + exits > 0
