-- Sources | ranked | source | additive
with views as (
  select coalesce(utm_source, source) as named, visitor, weight, local - lag(local) over (partition by visitor order by local) as gap
  from v where name = 'view'
)
select coalesce(named, 'direct') as source, count(distinct visitor) as visitors, sum(weight) as entries
from views where named is not null or visitor is null or gap is null or gap > 1800000000 group by source order by visitors desc
