-- Entry and exit | ranked | path | additive
with views as (
  select path, weight, local - lag(local) over w as before, lead(local) over w - local as after
  from v where name = 'view' and visitor is not null window w as (partition by visitor order by local)
)
select path, sum(if(before is null or before > 1800000000, weight, 0)) as entries,
  sum(if(after is null or after > 1800000000, weight, 0)) as exits
from views group by path having entries + exits > 0 order by entries desc
