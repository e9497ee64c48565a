-- What there is of a lot, how much of it is missing, and the kits with some of it that are anywhere.
SELECT
    (
        SELECT CAST(COALESCE(SUM(k.on_hand), 0) AS BIGINT)
        FROM stock k
        WHERE k.item_id = ?1 AND k.lot = ?2
    ),
    (
        SELECT CAST(COALESCE(SUM(k.in_transit), 0) AS BIGINT)
        FROM stock k
        WHERE k.item_id = ?1 AND k.lot = ?2
    ),
    (
        SELECT CAST(COALESCE(SUM(p.quantity), 0) AS BIGINT)
        FROM places p
        WHERE
            p.status = 3
            AND p.batch_id IN (SELECT k.batch_id FROM stock k WHERE k.item_id = ?1 AND k.lot = ?2)
    ),
    (
        SELECT CAST(COALESCE(SUM(p.quantity), 0) AS BIGINT)
        FROM places p
        WHERE
            p.status IN (1, 2, 3)
            AND p.batch_id IN (
                SELECT t.kit_batch_id
                FROM kit_parts t
                WHERE t.batch_id IN (SELECT k.batch_id FROM stock k WHERE k.item_id = ?1 AND k.lot = ?2)
            )
    )
