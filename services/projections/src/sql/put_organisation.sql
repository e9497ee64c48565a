INSERT INTO organisations (organisation_id, created_position, resource)
VALUES (?1, ?2, ?3)
ON CONFLICT (organisation_id) DO UPDATE SET
    resource = excluded.resource
