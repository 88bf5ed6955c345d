-- Pages | ranked | path
with views as (select view, any_value(path) as path, any_value(visitor) as visitor, any_value(weight) as weight, max(seconds) as seconds from v group by view)
select path, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views, round(median(seconds), 1) as seconds
from views group by path order by views desc, path
