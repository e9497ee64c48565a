INSERT INTO assets (item_id, serial_number, batch_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (item_id, serial_number) DO UPDATE SET
    batch_id = excluded.batch_id,
    resource = excluded.resource
