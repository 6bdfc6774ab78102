-- A member is who joined and did not leave since, in the order of Kafka, which keeps that of each player.
with last_actions as (
    select guild, player, max_by(action, row(happened_at, kafka_partition, kafka_offset)) as action
    from {{ ref("stg_guild_actions") }}
    group by guild, player),
members as (
    select guild, count_if(action = 'join') as members, count_if(action = 'leave') as left_for_good
    from last_actions
    group by guild),
actions as (
    select guild, count_if(action = 'join') as joins, count_if(action = 'leave') as leaves
    from {{ ref("stg_guild_actions") }}
    group by guild)
select
    guild, members, joins, leaves,
    round(cast(left_for_good as double) / (members + left_for_good), 3) as churn
from actions join members using (guild)
