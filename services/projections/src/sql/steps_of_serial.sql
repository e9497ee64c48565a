SELECT s.step
FROM serial_steps n
JOIN steps s ON s.batch_id = n.batch_id AND s.position = n.position AND s.step_no = n.step_no
WHERE n.item_id = ?1 AND n.serial_number = ?2 AND n.batch_id = ?3
ORDER BY n.position DESC, n.step_no DESC
LIMIT ?4
