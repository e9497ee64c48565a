INSERT INTO item_quality (item_id, created_position, resource)
VALUES (?1, ?2, ?3)
ON CONFLICT (item_id) DO UPDATE SET
    resource = excluded.resource
