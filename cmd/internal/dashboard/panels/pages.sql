-- Pages | ranked | path | additive
select path, count(distinct visitor) as visitors, coalesce(sum(weight), 0) as views, p50(seconds) as seconds
from pages group by path order by visitors desc, views desc
