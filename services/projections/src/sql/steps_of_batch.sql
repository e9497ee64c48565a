SELECT step
FROM steps
WHERE batch_id = ?1
ORDER BY position DESC, step_no DESC
LIMIT ?2
