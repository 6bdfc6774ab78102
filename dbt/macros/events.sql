{# The rows of an event table that all models and tests of one build read. #}
{% macro events(table) -%}
(select * from {{ source("game", table) }} where entry_id <= (select entry_id from {{ ref("built_through") }}))
{%- endmacro %}
