-- Bots | ranked | additive
select bot_reason, browser, count(distinct view) filter (name = 'view') as views, count(distinct hash(view, n)) as events
from received where bot group by all order by events desc
