-- Bots | ranked | additive
select bot_reason, browser, count(*) filter (name = 'view') as views, count(*) as events
from arrived where bot group by bot_reason, browser
