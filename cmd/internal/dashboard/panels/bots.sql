-- Bots, not counted above | ranked | additive
select browser as bot, count(*) filter (name = 'view') as views from arrived where bot group by browser
