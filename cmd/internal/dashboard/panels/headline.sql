-- Headline | figures | additive
select count(distinct visitor) as visitors, (select count(visitor) from started) as sessions, coalesce(sum(weight), 0) as views, p50(seconds) as seconds
from views
