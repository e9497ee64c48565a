INSERT INTO commodities (commodity_id, created_position, resource)
VALUES (?1, ?2, ?3)
ON CONFLICT (commodity_id) DO UPDATE SET
    resource = excluded.resource
