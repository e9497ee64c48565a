INSERT INTO facilities (facility_id, created_position, resource)
VALUES (?1, ?2, ?3)
ON CONFLICT (facility_id) DO UPDATE SET
    resource = excluded.resource
