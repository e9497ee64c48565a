INSERT INTO requests (request_id, facility_id, state, is_open, urgency_rank, created_position, filed_at, resource)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (request_id) DO UPDATE SET
    facility_id = excluded.facility_id,
    state = excluded.state,
    is_open = excluded.is_open,
    urgency_rank = excluded.urgency_rank,
    resource = excluded.resource
