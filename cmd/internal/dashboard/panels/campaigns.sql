-- Campaigns | ranked | utm_campaign
select utm_campaign, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' and utm_campaign is not null group by all order by views desc, utm_campaign
