-- Campaigns | ranked | utm_campaign | additive
select utm_campaign, count(distinct visitor) as visitors, count(*) as sessions
from entries where utm_campaign is not null group by all order by visitors desc, sessions desc
