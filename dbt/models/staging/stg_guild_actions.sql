select
    event_id, kafka_timestamp as happened_at, "partition" as kafka_partition, "offset" as kafka_offset, player,
    coalesce(guild, 'not said') as guild, action
from {{ events("guild_actions") }}
