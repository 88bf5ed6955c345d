-- Pages | ranked | path | additive
with views as (
  select any_value(path) as path, max(visitor) filter (name = 'view') as visitor, sum(if(name = 'view', weight, 0)) as weight, max(seconds) as seconds
  from v group by view
)
select path, count(distinct visitor) as visitors, sum(weight) as views, p50(seconds) as seconds
from views group by path order by visitors desc
