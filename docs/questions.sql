-- What the reports ask of their loads: .venv/bin/lakehouse sql < docs/questions.sql

-- Load 1: all of it, by direction, by host and event type
select count(*) as events from compat.valid_events;
select direction, count(*) as events from compat.valid_events group by direction order by direction;
select host, event_type, count(*) as events from compat.valid_events group by host, event_type order by host, event_type;

-- Load 2: who asked to be taken into a group, and who took somebody in
select count(*) as requestors from compat.requestors;
select count(*) as acceptors from compat.acceptors;

-- Load 3: both types together, each by host, and by type
select count(*) as events from (select * from compat.guild_joins union all select * from compat.sword_purchases);
select host, count(*) as swords from compat.sword_purchases group by host order by host;
select host, count(*) as joins from compat.guild_joins group by host order by host;
select event_type, count(*) as events
from (select * from compat.guild_joins union all select * from compat.sword_purchases)
group by event_type order by event_type;

-- Load 4: swords by color and by year, horses by size, guild actions of one user
select color, sum(quantity) as swords from game.sword_purchases where color is not null group by color order by color;
select year(event_date) as year, sum(quantity) as swords from game.sword_purchases where color is not null group by 1 order by 1;
select size, sum(quantity) as horses from game.horse_purchases group by size order by size;
select action, count(*) as actions from game.guild_actions where host = 'user1.comcast.com' group by action order by action;
