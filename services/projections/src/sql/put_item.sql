INSERT INTO items (item_id, commodity_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (item_id) DO UPDATE SET
    commodity_id = excluded.commodity_id,
    resource = excluded.resource
