-- Each join and leave of the event table is counted for one guild.
select counted, there
from (select coalesce(sum(joins + leaves), 0) as counted from {{ ref("guild_sizes") }})
cross join (select count(*) as there from {{ events("guild_actions") }})
where counted <> there
