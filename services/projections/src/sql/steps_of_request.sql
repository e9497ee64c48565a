SELECT step
FROM steps
WHERE request_id = ?1 AND request_id <> '' AND batch_id = ?2
ORDER BY position DESC, step_no DESC
LIMIT ?3
