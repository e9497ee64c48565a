INSERT INTO facilities (facility_id, operator_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (facility_id) DO UPDATE SET
    operator_id = excluded.operator_id,
    resource = excluded.resource
