-- Campaigns | ranked | utm_campaign | additive
select utm_campaign, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' and utm_campaign is not null group by all order by visitors desc
