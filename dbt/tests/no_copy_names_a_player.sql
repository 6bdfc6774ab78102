-- An erasure deletes a player from game.*. It cannot reach copies, so none may hold what tells who it was.
select c.table_name, c.column_name
from memory.information_schema.columns c
join memory.information_schema.tables t
  on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'
where c.table_schema = '{{ target.schema }}'
  and c.column_name in ('player', 'host', 'event_id', 'raw_event', 'http_headers', 'user_agent')
-- depends_on: {{ ref("purchases_by_hour") }} {{ ref("top_items") }} {{ ref("guild_sizes") }} {{ ref("cart_to_checkout") }}
